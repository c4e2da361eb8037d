// SPDX-License-Identifier: MIT
// Any byte of a page that is wrong is found, and no page passes for another.
#include "stress/seeds.hpp"
#include "stress/stamp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

using stress::first_wrong_word;
using stress::INTACT;
using stress::Stamp;
using support::PAGE;

namespace {

struct alignas(PAGE) Page : std::array<std::byte, PAGE> {};

constexpr Stamp STAMP{.buffer = 7, .page = 3, .version = 2};
constexpr std::size_t WORD = sizeof(std::uint64_t);
constexpr std::size_t WORDS = PAGE / WORD;

// The first of later versions that is, or is not.
Stamp some_stamp(bool compressible) {
    Stamp stamp = STAMP;
    while (stress::is_compressible(stamp) != compressible)
        ++stamp.version;
    return stamp;
}

std::vector<std::uint64_t> words_of(const Stamp &stamp) {
    Page page{};
    stress::write_stamp(page.data(), stamp);
    std::vector<std::uint64_t> words(WORDS);
    std::memcpy(words.data(), page.data(), PAGE);
    return words;
}

// Bytes that a compressor must spell out, more or less: those that are not part
// of four that were in the page before.
std::size_t news_in(const Stamp &stamp) {
    constexpr std::size_t MATCH = 4;
    Page page{};
    stress::write_stamp(page.data(), stamp);
    std::set<std::array<std::byte, MATCH>> seen;
    std::size_t matched = 0; // bytes up to here
    std::size_t news = 0;
    for (std::size_t i = 0; i < PAGE; ++i) {
        std::array<std::byte, MATCH> four{};
        std::copy_n(page.begin() + static_cast<std::ptrdiff_t>(i),
                    std::min(MATCH, PAGE - i), four.begin());
        if (!seen.insert(four).second)
            matched = i + MATCH;
        news += i >= matched;
    }
    return news;
}

TEST(Stamp, FindsEveryByteThatIsWrong) {
    for (const Stamp &stamp : {some_stamp(true), some_stamp(false)}) {
        Page page{};
        stress::write_stamp(page.data(), stamp);
        ASSERT_EQ(first_wrong_word(page.data(), stamp), INTACT);
        for (std::size_t i = 0; i < PAGE; ++i) {
            page.at(i) ^= std::byte{1};
            ASSERT_EQ(first_wrong_word(page.data(), stamp),
                      static_cast<std::ptrdiff_t>(i / WORD));
            page.at(i) ^= std::byte{1};
        }
    }
}

TEST(Stamp, OfHalfOfThePagesIsCompressible) {
    std::size_t compressible = 0;
    for (std::uint32_t page = 0; page < 1000; ++page)
        compressible +=
            stress::is_compressible({.buffer = 7, .page = page, .version = 2});
    EXPECT_GT(compressible, 400U);
    EXPECT_LT(compressible, 600U);
    EXPECT_TRUE(stress::is_compressible({.buffer = 7, .page = 3}));
    EXPECT_LT(news_in(some_stamp(true)), PAGE / 3);
    EXPECT_GT(news_in(some_stamp(false)), PAGE * 3 / 4);
}

// Within a page, and between pages, buffers and versions.
TEST(Stamp, HasNoWordTwice) {
    std::set<std::uint64_t> seen;
    for (std::uint64_t buffer = 1; buffer <= 10; ++buffer)
        for (std::uint32_t page = 0; page < 10; ++page)
            for (std::uint32_t version = 1; version <= 10; ++version)
                for (const std::uint64_t word : words_of(
                         {.buffer = buffer, .page = page, .version = version}))
                    seen.insert(word);
    EXPECT_EQ(seen.size(), WORDS * 10 * 10 * 10);
}

TEST(Stamp, ThatIsTornHasTheNextVersionUpToSomePlace) {
    Stamp torn = STAMP;
    torn.torn = true;
    Stamp next = STAMP;
    ++next.version;
    Page then{}, now{};
    stress::write_stamp(then.data(), STAMP);
    stress::write_stamp(now.data(), next);
    for (const std::size_t words :
         {std::size_t{0}, std::size_t{1}, WORDS / 2, WORDS}) {
        Page page = then;
        const auto bytes = static_cast<std::ptrdiff_t>(words * WORD);
        std::copy_n(now.begin(), bytes, page.begin());
        EXPECT_EQ(first_wrong_word(page.data(), torn), INTACT);
        if (words) {
            EXPECT_EQ(first_wrong_word(page.data(), STAMP), 0);
        }
        page = now;
        std::copy_n(then.begin(), bytes, page.begin());
        if (words && words < WORDS) {
            EXPECT_EQ(first_wrong_word(page.data(), torn),
                      static_cast<std::ptrdiff_t>(words));
        }
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
    EXPECT_EQ(first_wrong_word(page.data(), NEVER), WORDS - 1);
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
