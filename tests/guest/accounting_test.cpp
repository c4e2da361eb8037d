// SPDX-License-Identifier: MIT
// Who pays for the memory of a buffer: memory cgroups and /proc/meminfo.
#include "support/cold.hpp"
#include "support/memory_group.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <optional>

using gpumem::Device;
using support::PAGE;

namespace {

constexpr std::uint64_t SIZE = 16 << 20;

class Accounting : public testing::Test {
protected:
    void SetUp() override {
        if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
            GTEST_SKIP() << "pages outside the page cache are counted by the "
                            "driver only";
    }
    const Device device = Device::open();
};

class MemoryCgroup : public Accounting {
protected:
    void SetUp() override {
        Accounting::SetUp();
        if (!IsSkipped())
            group.emplace();
    }

    // Runs @body in a child that is a member of the group.
    template <typename Body> int in_group(const Body &body) {
        const int status = support::in_child([&] {
            group->enter();
            return body();
        });
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    std::uint64_t file_bytes() { return group->get("memory.stat", "file"); }

    std::optional<support::MemoryGroup> group;
};

TEST_F(MemoryCgroup, OfWhoTouchesABufferFirstIsCharged) {
    {
        const gpumem::Bo bo = device.create(SIZE);
        const auto map = bo.map();
        ASSERT_LT(file_bytes(), PAGE * 64);
        ASSERT_EQ(in_group([&] {
                      for (std::size_t at = 0; at < SIZE; at += PAGE)
                          map.data()[at] = std::byte{1};
                      return 0;
                  }),
                  0);
        EXPECT_GE(file_bytes(), SIZE);
        EXPECT_LT(file_bytes(), SIZE + PAGE * 64);
    }
    EXPECT_LT(file_bytes(), PAGE * 64);
}

TEST_F(MemoryCgroup, OfWhoPinsABufferIsCharged) {
    const gpumem::Bo bo = device.create(SIZE);
    ASSERT_EQ(in_group([&] { return gpumem_bo_pin(bo.get(), 0) ? 1 : 0; }), 0);
    EXPECT_GE(file_bytes(), SIZE);
}

// Whoever asks for it, as here somebody outside of the group.
TEST_F(MemoryCgroup, OfACompressedPageIsChargedForWhatIsLeft) {
    if (!support::store_is_ours())
        GTEST_SKIP() << "zsmalloc charges nobody";
    constexpr std::size_t pages = SIZE / PAGE;
    std::optional<gpumem::Bo> bo = device.create(SIZE);
    ASSERT_EQ(in_group([&] {
                  const auto map = bo->map();
                  for (std::size_t i = 0; i < pages; ++i)
                      support::fill_page(map, i, support::Contents::text,
                                         static_cast<std::uint32_t>(i));
                  return 0;
              }),
              0);
    const std::uint64_t held = support::store_figure("held_bytes");
    ASSERT_GE(group->usage(), SIZE);
    ASSERT_TRUE(support::becomes_cold(*bo, pages));
    const std::uint64_t left = support::store_figure("held_bytes") - held;
    EXPECT_GT(left, SIZE / 64);
    EXPECT_LT(left, SIZE / 4 * 3);
    // Each CPU has some that is charged beforehand.
    EXPECT_GE(group->usage() + 256 * PAGE, left);
    EXPECT_LT(group->usage(), SIZE);
    bo.reset();
    EXPECT_LT(group->usage(), left);
}

// The group has nothing else that could be reclaimed.
TEST_F(MemoryCgroup, AtItsLimitGetsRoomByAdvisingCold) {
    if (!support::store_is_ours())
        GTEST_SKIP() << "zsmalloc charges nobody";
    constexpr std::size_t pages = SIZE / PAGE;
    const gpumem::Bo bo = device.create(SIZE);
    const auto map = bo.map();
    ASSERT_EQ(in_group([&] {
                  for (std::size_t i = 0; i < pages; ++i)
                      support::fill_page(map, i, support::Contents::text,
                                         static_cast<std::uint32_t>(i));
                  return 0;
              }),
              0);
    const std::uint64_t full = group->usage();
    group->limit(full - PAGE * 256);
    ASSERT_GE(group->usage(), full - PAGE * 512);
    EXPECT_TRUE(support::becomes_cold(bo, pages));
    EXPECT_LT(group->usage(), full / 4 * 3);
    for (std::size_t i = 0; i < pages; i += 100)
        EXPECT_TRUE(support::page_is(map, i, support::Contents::text,
                                     static_cast<std::uint32_t>(i)))
            << "page " << i;
    EXPECT_EQ(group->get("memory.events", "oom_kill"), 0U);
}

TEST_F(MemoryCgroup, AtItsLimitMakesAPinFailAndLeavesNothing) {
    group->limit(SIZE / 2);
    const gpumem::Bo bo = device.create(SIZE);
    const auto map = bo.map();
    map.data()[5 * PAGE] = std::byte{9};
    ASSERT_EQ(bo.query().resident_pages, 1U);
    EXPECT_EQ(
        in_group([&] { return gpumem_bo_pin(bo.get(), 0) == -ENOMEM ? 0 : 1; }),
        0);
    EXPECT_EQ(bo.query().resident_pages, 1U);
    EXPECT_EQ(bo.query().pins, 0U);
    EXPECT_EQ(map.data()[5 * PAGE], std::byte{9});
    EXPECT_LT(file_bytes(), PAGE * 64);
}

TEST_F(Accounting, ShowsABufferAsCachedAndUnevictable) {
    const auto kib = [](const char *key) {
        return support::value_of("/proc/meminfo", key);
    };
    // Per-CPU counters lag a little.
    constexpr std::uint64_t slack = 1024;
    const auto cached = kib("Cached:");
    const auto unevictable = kib("Unevictable:");
    const gpumem::Bo bo = device.create(SIZE);
    const gpumem::Pin pin = bo.pin();
    support::compact_memory(); // drains the per-CPU lists
    EXPECT_GE(kib("Cached:") + slack, cached + SIZE / 1024);
    EXPECT_GE(kib("Unevictable:") + slack, unevictable + SIZE / 1024);
}

} // namespace
