// SPDX-License-Identifier: MIT
#include "summary.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Summary, OfNothingIsZero) {
    EXPECT_EQ(tool::highest({}), 0u);
    EXPECT_EQ(tool::median({}), 0u);
    EXPECT_EQ(tool::mean({}), 0.0);
}

TEST(Summary, MedianIsTheLowerMiddle) {
    EXPECT_EQ(tool::median({9, 1, 5}), 5u);
    EXPECT_EQ(tool::median({9, 1, 5, 7}), 5u);
}

TEST(Summary, HighestAndMean) {
    EXPECT_EQ(tool::highest({3, 9, 6}), 9u);
    EXPECT_DOUBLE_EQ(tool::mean({3, 9, 6}), 6.0);
}

} // namespace
