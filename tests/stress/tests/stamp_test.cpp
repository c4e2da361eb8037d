// SPDX-License-Identifier: MIT
// Any byte of a page that is wrong is found, and no page passes for another.
#include "stress/seeds.hpp"
#include "stress/stamp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>

using stress::first_wrong_word;
using stress::INTACT;
using stress::Stamp;
using support::PAGE;

namespace {

struct alignas(PAGE) Page : std::array<std::byte, PAGE> {};

constexpr Stamp STAMP{.buffer = 7, .page = 3, .version = 2};

TEST(Stamp, FindsEveryByteThatIsWrong) {
    Page page{};
    stress::write_stamp(page.data(), STAMP);
    ASSERT_EQ(first_wrong_word(page.data(), STAMP), INTACT);
    for (std::size_t i = 0; i < PAGE; ++i) {
        page.at(i) ^= std::byte{1};
        ASSERT_EQ(first_wrong_word(page.data(), STAMP),
                  static_cast<std::ptrdiff_t>(i / sizeof(std::uint64_t)));
        page.at(i) ^= std::byte{1};
    }
}

TEST(Stamp, IsOfOneBufferPageAndVersion) {
    Page page{};
    stress::write_stamp(page.data(), STAMP);
    for (const Stamp &other : {Stamp{.buffer = 8, .page = 3, .version = 2},
                               Stamp{.buffer = 7, .page = 2, .version = 2},
                               Stamp{.buffer = 7, .page = 3, .version = 1},
                               Stamp{.buffer = 3, .page = 7, .version = 2},
                               Stamp{.buffer = 7, .page = 3, .version = 0}})
        EXPECT_EQ(first_wrong_word(page.data(), other), 0);
}

TEST(Stamp, OfWhatWasNeverWrittenIsZeros) {
    Page page{};
    constexpr Stamp NEVER{.buffer = 7, .page = 3, .version = 0};
    EXPECT_EQ(first_wrong_word(page.data(), NEVER), INTACT);
    page.back() = std::byte{1};
    EXPECT_EQ(first_wrong_word(page.data(), NEVER),
              PAGE / sizeof(std::uint64_t) - 1);
}

TEST(Seeds, OfNeighboursHaveNothingInCommon) {
    std::set<std::uint64_t> seeds;
    for (std::uint64_t run = 0; run < 100; ++run)
        for (std::uint64_t process = 0; process < 100; ++process)
            for (std::uint64_t thread = 0; thread < 4; ++thread)
                seeds.insert(
                    stress::seed_of(stress::seed_of(run, process), thread));
    EXPECT_EQ(seeds.size(), 100U * 100 * 4);
}

} // namespace
