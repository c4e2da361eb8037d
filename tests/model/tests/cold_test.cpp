// SPDX-License-Identifier: MIT
// How many pages of a buffer the driver may say are compressed.
#include "model/model_driver.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

using model::Answer;
using model::ModelDriver;
using model::Operation;
using model::parse_sequence;

namespace {

constexpr std::uint64_t NO_MATTER = 99;

// A buffer of four pages, three of them written.
const std::string THREE_PAGES = "open file=0\n"
                                "create file=0 slot=0 pages=4\n"
                                "map file=0 slot=0 map=0 pages=4\n"
                                "write map=0 page=0 value=1\n"
                                "write map=0 page=1 value=1\n"
                                "write map=0 page=2 value=1\n";
const std::string ADVICE = "madvise file=0 slot=0 advice=2\n";

// Whether a driver may say that so many pages are cold after the operations. At
// the advice it has said @advised.
bool may_be_cold(const std::string &operations, std::uint64_t cold,
                 std::uint64_t advised = NO_MATTER) {
    ModelDriver driver;
    model::Model model({});
    Answer answer, expected;
    for (const Operation &operation :
         parse_sequence(THREE_PAGES + operations + "query file=0 slot=0\n")) {
        answer = driver.run(operation);
        if (operation.kind == model::Kind::madvise && advised != NO_MATTER &&
            answer.values.contains("cold"))
            answer.values["cold"] = advised;
        if (operation.kind == model::Kind::query)
            answer.values["cold"] = cold;
        expected = model.predict(operation, answer);
    }
    return answer == expected;
}

TEST(ModelCold, PagesThatAreThereMayBeCompressed) {
    EXPECT_TRUE(may_be_cold(ADVICE, 3));
    EXPECT_TRUE(may_be_cold(ADVICE, 2, 2)) << "one was in use";
    EXPECT_TRUE(may_be_cold(ADVICE, 0, 0));
    EXPECT_FALSE(may_be_cold(ADVICE, 4));
    EXPECT_FALSE(may_be_cold("", 1)) << "nobody has asked for it";
}

TEST(ModelCold, PagesStayAsTheyAreUntilTheyAreTouched) {
    EXPECT_FALSE(may_be_cold(ADVICE, 3, 2));
    EXPECT_FALSE(may_be_cold(ADVICE, 1, 2));
    EXPECT_TRUE(may_be_cold(ADVICE + "madvise file=0 slot=0 advice=0\n", 3));
    EXPECT_TRUE(may_be_cold(ADVICE + "export file=0 slot=0 buf=0\n", 3));
}

TEST(ModelCold, ATouchedPageIsNotCold) {
    const std::string touched = ADVICE + "read map=0 page=1\n";
    EXPECT_TRUE(may_be_cold(touched, 2));
    EXPECT_FALSE(may_be_cold(touched, 3));
    EXPECT_FALSE(may_be_cold(touched, 1)) << "nobody has touched the others";
    EXPECT_TRUE(may_be_cold(touched, 2, 2)) << "that one was not";
    EXPECT_TRUE(may_be_cold(touched, 1, 2)) << "that one was";
}

TEST(ModelCold, APinBringsAllBack) {
    const std::string pinned = ADVICE + "pin file=0 slot=0\n";
    EXPECT_TRUE(may_be_cold(pinned, 0));
    EXPECT_FALSE(may_be_cold(pinned, 1));
    EXPECT_FALSE(may_be_cold(pinned + "unpin file=0 slot=0\n", 1));
}

TEST(ModelCold, PagesThatOthersUseStay) {
    EXPECT_FALSE(may_be_cold("pin file=0 slot=0\n" + ADVICE, 1));
    EXPECT_FALSE(may_be_cold("export file=0 slot=0 buf=0\n" + ADVICE, 1));
}

TEST(ModelCold, WhatIsPurgedIsGone) {
    const std::string purged = ADVICE + "madvise file=0 slot=0 advice=1\n"
                                        "shrink\n";
    EXPECT_TRUE(may_be_cold(purged, 0));
    EXPECT_FALSE(may_be_cold(purged, 1));
}

} // namespace
