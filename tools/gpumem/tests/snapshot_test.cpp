// SPDX-License-Identifier: MIT
// The map of memory and its picture, from made-up page flags.
#include "error.hpp"
#include "physmem/picture.hpp"
#include "physmem/snapshot.hpp"

#include <cstdio>
#include <filesystem>
#include <gtest/gtest.h>
#include <linux/kernel-page-flags.h>
#include <unistd.h>

namespace {

using tool::page_class;
using tool::pfn_range;
using tool::snapshot;

constexpr std::uint64_t free_page = std::uint64_t{1} << KPF_BUDDY;

snapshot::flags_reader all(std::uint64_t flags) {
    return [flags](const pfn_range &r) {
        return std::vector<std::uint64_t>(r.end - r.first, flags);
    };
}

std::uint64_t count(const snapshot &s, page_class c) {
    return s.counts()[static_cast<std::size_t>(c)];
}

TEST(Snapshot, FreeBlockIsToldFromCrumbs) {
    const std::vector<pfn_range> ram = {{512, 1536}};
    const std::vector<tool::bo_run> one_page = {
        {600, 1, 1, 0, page_class::gpumem_movable}};
    const snapshot s(ram, all(free_page), one_page);
    ASSERT_EQ(s.blocks(), 2u);
    EXPECT_EQ(count(s, page_class::free_crumb), 511u);
    EXPECT_EQ(count(s, page_class::free_block), 512u);
    EXPECT_EQ(count(s, page_class::gpumem_movable), 1u);
    EXPECT_EQ(s.pages(0)[600 - 512], page_class::gpumem_movable);
}

TEST(Snapshot, BlockThatIsPartlyRamIsNeverFreeAsAWhole) {
    const snapshot s({{1, 512}}, all(free_page), {});
    ASSERT_EQ(s.blocks(), 1u);
    EXPECT_EQ(s.pages(0)[0], page_class::absent);
    EXPECT_EQ(count(s, page_class::free_crumb), 511u);
}

TEST(Snapshot, TwoRangesInOneBlockShareIt) {
    const snapshot s({{0, 100}, {200, 1024}}, all(0), {});
    EXPECT_EQ(s.blocks(), 2u);
    EXPECT_EQ(count(s, page_class::absent), 100u);
    EXPECT_EQ(count(s, page_class::kernel), 924u);
}

TEST(Snapshot, BufferPagesOutsideRamAreIgnored) {
    const std::vector<tool::bo_run> far = {
        {1 << 20, 4, 1, 0, page_class::gpumem_pinned}};
    const snapshot s({{0, 512}}, all(0), far);
    EXPECT_EQ(count(s, page_class::gpumem_pinned), 0u);
}

TEST(Picture, BlockTakesTheColourOfMostOfItsPages) {
    std::vector<page_class> pages(512, page_class::kernel);
    std::fill_n(pages.begin(), 300, page_class::free_crumb);
    EXPECT_EQ(tool::class_of_block(pages), page_class::free_crumb);
}

TEST(Picture, IsAPngFile) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("gpumem-picture-" + std::to_string(getpid()) + ".png");
    const snapshot s({{0, 4096}}, all(free_page), {});
    tool::draw_png(s, tool::cell_kind::automatic, {"title", {1, 2, 3}},
                   path.string());
    std::FILE *f = std::fopen(path.c_str(), "rb");
    ASSERT_NE(f, nullptr);
    unsigned char head[4] = {};
    EXPECT_EQ(std::fread(head, 1, 4, f), 4u);
    std::fclose(f);
    std::filesystem::remove(path);
    EXPECT_EQ(head[0], 0x89);
    EXPECT_EQ(head[1], 'P');
    EXPECT_EQ(head[2], 'N');
    EXPECT_EQ(head[3], 'G');
}

TEST(Picture, UnwritableFileIsAFailure) {
    const snapshot s({{0, 512}}, all(0), {});
    EXPECT_THROW(tool::draw_png(s, tool::cell_kind::block, {"t", {}},
                                "/nonexistent/x.png"),
                 tool::failure);
}

} // namespace
