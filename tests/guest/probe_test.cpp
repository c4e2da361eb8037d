// SPDX-License-Identifier: MIT
// The modules with which tools/platform measures: what they count is so.
#include "support/system.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <sstream>
#include <string>

namespace {

const std::string PROBE = "/sys/kernel/debug/gpumem_test_probe";
const std::string COMPACTION = "/sys/kernel/debug/gpumem_test_compaction";

struct Found {
    unsigned order = 0, tried = 0, succeeded = 0;
    std::uint64_t ns = 0, longest = 0;
};

Found probe(unsigned order, unsigned count) {
    support::write_file(PROBE,
                        std::to_string(order) + " " + std::to_string(count));
    Found found;
    std::istringstream(support::read_file(PROBE)) >> found.order >>
        found.tried >> found.succeeded >> found.ns >> found.longest;
    return found;
}

struct Compaction {
    std::uint64_t calls = 0, ns = 0, cpu_ns = 0, missed = 0;
};

Compaction kcompactd_and_others() {
    std::istringstream lines(support::read_file(COMPACTION));
    Compaction one, other;
    lines >> one.calls >> one.ns >> one.cpu_ns >> other.calls >> other.ns >>
        other.cpu_ns >> one.missed;
    EXPECT_TRUE(lines);
    return {one.calls + other.calls, one.ns + other.ns,
            one.cpu_ns + other.cpu_ns, one.missed};
}

TEST(Probe, TellsWhatItGotOfEachOrder) {
    support::load_test_module("gpumem_test_probe");
    for (const unsigned order : {0U, 2U, 3U}) {
        const Found found = probe(order, 8);
        EXPECT_EQ(found.order, order);
        EXPECT_EQ(found.tried, 8U);
        EXPECT_EQ(found.succeeded, 8U) << "order " << order;
        EXPECT_GT(found.longest, 0U);
        EXPECT_LE(found.longest, found.ns);
    }
}

TEST(Probe, HoldsAllBlocksTogetherSoThatNotAllOfThemCanBeHad) {
    support::load_test_module("gpumem_test_probe");
    const auto all = support::all_memory() / (support::PAGE << 10);
    if (all >= 1024)
        GTEST_SKIP() << "there may be as many blocks as it asks for at most";
    EXPECT_LT(probe(10, 1024).succeeded, all);
}

TEST(Probe, GivesBackWhatItTook) {
    support::load_test_module("gpumem_test_probe");
    constexpr std::uint64_t ASKED = 64 << 20;
    probe(3, 8);
    const auto before = support::available_memory();
    for (int i = 0; i < 4; ++i)
        probe(4, ASKED / (support::PAGE << 4));
    EXPECT_GT(support::available_memory() + ASKED, before);
}

TEST(Probe, RefusesOtherWords) {
    support::load_test_module("gpumem_test_probe");
    for (const char *words :
         {"\n", "3", "3 0", "11 1", "3 1025", "-1 1", "three 1"})
        EXPECT_EQ(support::write_errno(PROBE, words), EINVAL) << words;
    EXPECT_EQ(support::write_errno(PROBE, std::string(64, '1')), EINVAL);
}

TEST(Probe, CountsHowOftenMemoryIsCompacted) {
    support::load_test_module("gpumem_test_compaction");
    const auto before = kcompactd_and_others();
    support::compact_memory();
    const auto after = kcompactd_and_others();
    EXPECT_GT(after.calls, before.calls);
    EXPECT_GT(after.ns, before.ns);
    EXPECT_GE(after.cpu_ns, before.cpu_ns);
    EXPECT_EQ(after.missed, 0U);
}

} // namespace
