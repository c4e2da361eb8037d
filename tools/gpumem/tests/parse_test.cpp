// SPDX-License-Identifier: MIT
// Readers of /proc, debugfs and the command line.
#include "args.hpp"
#include "error.hpp"
#include "files.hpp"
#include "physmem/bo_pages.hpp"
#include "physmem/buddyinfo.hpp"
#include "physmem/iomem.hpp"

#include <gtest/gtest.h>

namespace {

using tool::failure;

const char buddyinfo[] =
    "Node 0, zone      DMA      0      0      0      0      0      0      0  "
    "    0      1      1      2 \n"
    "Node 0, zone    DMA32     13      7      3      3      4      3      3  "
    "    4      3      2    431 \n";

TEST(Buddyinfo, SumsZonesByOrder) {
    const auto free = tool::parse_buddyinfo(buddyinfo);
    ASSERT_EQ(free.size(), 11u);
    EXPECT_EQ(free[0], 13u);
    EXPECT_EQ(free[8], 4u);
    EXPECT_EQ(free[10], 433u);
}

TEST(Buddyinfo, LargerBlocksCountForSmallerOrders) {
    const auto free = tool::parse_buddyinfo(buddyinfo);
    EXPECT_EQ(tool::blocks_of_order(free, 10), 433u);
    EXPECT_EQ(tool::blocks_of_order(free, 9), 3u + 2 * 433u);
    EXPECT_EQ(tool::blocks_of_order(free, 20), 0u);
}

TEST(Buddyinfo, RefusesOtherText) {
    EXPECT_THROW(tool::parse_buddyinfo(""), failure);
    EXPECT_THROW(tool::parse_buddyinfo("Node 0, zone DMA\n"), failure);
    EXPECT_THROW(tool::parse_buddyinfo("Node 0, zone DMA 1 2 x\n"), failure);
    EXPECT_THROW(tool::parse_buddyinfo("MemTotal: 12 kB\n"), failure);
}

TEST(Iomem, KeepsTopLevelRamAsWholePages) {
    const auto ram = tool::parse_iomem("00000000-00000fff : Reserved\n"
                                       "00001000-0009fbff : System RAM\n"
                                       "000a0000-000bffff : PCI Bus\n"
                                       "00100000-7ffdbfff : System RAM\n"
                                       "  01000000-01ffffff : Kernel code\n");
    ASSERT_EQ(ram.size(), 2u);
    EXPECT_EQ(ram[0], (tool::pfn_range{0x1, 0x9f}));
    EXPECT_EQ(ram[1], (tool::pfn_range{0x100, 0x7ffdc}));
}

TEST(Iomem, ZeroesShownToOthersThanRootAreAnError) {
    EXPECT_THROW(tool::parse_iomem("00000000-00000000 : System RAM\n"),
                 failure);
}

TEST(BoPages, ReadsRunsAndSkipsTheHeader) {
    const auto runs = tool::parse_bo_pages("# pfn count object index state\n"
                                           "4096 3 7 0 movable\n"
                                           "5000 1 7 3 pinned\n"
                                           "6000 512 9 0 unmovable\n"
                                           "7000 1 10 0 purgeable\n"
                                           "8000 1 11 0 mapped\n"
                                           "9000 1 12 0 purged\n");
    ASSERT_EQ(runs.size(), 6u);
    EXPECT_EQ(runs[0].first_pfn, 4096u);
    EXPECT_EQ(runs[0].count, 3u);
    EXPECT_EQ(runs[0].object, 7u);
    EXPECT_EQ(runs[0].state, tool::page_class::gpumem_movable);
    EXPECT_EQ(runs[1].first_index, 3u);
    EXPECT_EQ(runs[1].state, tool::page_class::gpumem_pinned);
    EXPECT_EQ(runs[2].state, tool::page_class::gpumem_unmovable);
    EXPECT_EQ(runs[3].state, tool::page_class::gpumem_movable);
    EXPECT_EQ(runs[4].state, tool::page_class::gpumem_pinned);
    EXPECT_EQ(runs[5].state, tool::page_class::gpumem_movable);
}

TEST(BoPages, RefusesOtherLines) {
    EXPECT_THROW(tool::parse_bo_pages("4096 3 7 0 floating\n"), failure);
    EXPECT_THROW(tool::parse_bo_pages("4096 0 7 0 movable\n"), failure);
    EXPECT_THROW(tool::parse_bo_pages("4096 3 7 movable\n"), failure);
    EXPECT_THROW(tool::parse_bo_pages("x\n"), failure);
    EXPECT_TRUE(tool::parse_bo_pages("").empty());
}

TEST(KeyedNumber, FindsKeysWithAndWithoutColon) {
    EXPECT_EQ(tool::keyed_number("MemTotal:  100 kB\nMemFree: 7 kB\n",
                                 "MemFree"),
              7u);
    EXPECT_EQ(tool::keyed_number("pgfault 9\npgmigrate_success 3\n",
                                 "pgmigrate_success"),
              3u);
    EXPECT_THROW(tool::keyed_number("MemTotal: 100 kB\n", "Mem"), failure);
}

TEST(Fraction, WantsAProperFraction) {
    EXPECT_EQ(tool::parse_fraction("1/4").part, 1u);
    EXPECT_EQ(tool::parse_fraction("3/16").whole, 16u);
    for (const char *bad : {"", "1", "0/4", "4/4", "5/4", "1/0", "-1/4",
                            "1/4x", "1 /4", "/4", "1/"})
        EXPECT_THROW(tool::parse_fraction(bad), failure) << bad;
}

TEST(Seconds, WantsAPositiveTime) {
    EXPECT_DOUBLE_EQ(tool::parse_seconds("30"), 30);
    EXPECT_DOUBLE_EQ(tool::parse_seconds("0.5"), 0.5);
    for (const char *bad : {"", "0", "-1", "5s", "nan", "inf", "1e9"})
        EXPECT_THROW(tool::parse_seconds(bad), failure) << bad;
}

TEST(BadArguments, AreUsageErrors) {
    try {
        tool::parse_fraction("x");
        FAIL();
    } catch (const failure &e) {
        EXPECT_EQ(e.status(), tool::exit_status::usage);
    }
}

} // namespace
