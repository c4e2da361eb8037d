// SPDX-License-Identifier: MIT
// Whoever moves memory beside compaction: contiguous allocation, soft offlining,
// huge pages on demand. Each with a buffer that is written meanwhile, and with
// one that is pinned.
#include "support/crumbs.hpp"
#include "support/debugfs.hpp"
#include "support/kernel_config.hpp"
#include "support/system.hpp"
#include "support/writer.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;
using support::Writer;

namespace {

constexpr std::uint64_t BLOCK = 512; // pages that an allocator keeps together
// A page can be busy for a moment: in a batch of some CPU, in a fault.
constexpr int TRIES = 20;

// Whole page blocks have to be among them.
std::size_t buffer_size() {
    return support::checks_itself() ? 8 << 20 : 32 << 20;
}
// Buffers that may be tried until one has such a block.
std::size_t most_buffers() {
    return std::min<std::size_t>(support::all_memory() / 3 / buffer_size(), 16);
}

class Movers : public testing::Test {
protected:
    Movers() { support::compact_memory(); }

    // The first page of a block that holds nothing but the buffer's pages.
    std::uint64_t whole_block() {
        const auto frames = support::page_frames(id);
        const std::set<std::uint64_t> all(frames.begin(), frames.end());
        for (const std::uint64_t frame : all)
            if (frame % BLOCK == 0 && all.contains(frame + BLOCK - 1) &&
                std::distance(all.find(frame), all.find(frame + BLOCK - 1)) ==
                    BLOCK - 1)
                return frame;
        return 0;
    }
    std::size_t frames_in(std::uint64_t first, std::uint64_t count) {
        return static_cast<std::size_t>(std::ranges::count_if(
            support::page_frames(id),
            [&](auto frame) { return frame - first < count; }));
    }

    const Device device = Device::open();
    Bo bo = device.create(buffer_size());
    gpumem::Mapping map = bo.map();
    std::optional<Writer> writer{std::in_place, map};
    std::uint64_t id = support::object_ids().back();
};

class Contiguous : public Movers {
protected:
    void SetUp() override {
        support::load_test_module("gpumem_test_contig");
        // A buffer takes the crumbs that earlier tests left first, then whole
        // blocks.
        std::vector<Bo> others;
        for (block = whole_block(); !block && others.size() < most_buffers();
             block = whole_block()) {
            writer.reset();
            others.push_back(std::exchange(bo, device.create(buffer_size())));
            map = bo.map();
            writer.emplace(map);
            id = support::object_ids().back();
        }
        ASSERT_NE(block, 0U) << "no page block is all a buffer's";
    }
    int allocate() {
        return support::write_errno("/sys/kernel/debug/gpumem_test_contig",
                                    std::to_string(block) + " " +
                                        std::to_string(BLOCK));
    }
    std::uint64_t block = 0;
};

TEST_F(Contiguous, AllocationMovesABufferThatIsBeingWritten) {
    int error = EBUSY;
    for (int i = 0; i < TRIES && error == EBUSY; ++i)
        error = allocate();
    EXPECT_EQ(error, 0);
    EXPECT_EQ(frames_in(block, BLOCK), 0U);
    EXPECT_GE(bo.query().moved, BLOCK);
    EXPECT_EQ(writer->wrong(), 0U);
}

TEST_F(Contiguous, AllocationIsRefusedAPinnedBuffersPages) {
    const gpumem::Pin pin = bo.pin();
    const auto before = support::page_frames(id);
    EXPECT_EQ(allocate(), EBUSY);
    EXPECT_EQ(support::page_frames(id), before);
    EXPECT_EQ(writer->wrong(), 0U);
}

using SoftOffline = Movers;

TEST_F(SoftOffline, ReplacesAPageThatIsBeingWritten) {
    int error = EBUSY;
    for (int i = 0; i < TRIES && error; ++i)
        error = support::soft_offline(support::page_frames(id)[5]);
    EXPECT_EQ(error, 0);
    EXPECT_GE(bo.query().moved, 1U);
    EXPECT_EQ(bo.query().resident_pages, bo.size() / PAGE);
    EXPECT_EQ(writer->wrong(), 0U);
}

TEST_F(SoftOffline, IsRefusedForAPinnedPage) {
    const gpumem::Pin pin = bo.pin();
    const auto before = support::page_frames(id);
    EXPECT_EQ(support::soft_offline(before[5]), EBUSY);
    EXPECT_EQ(support::page_frames(id), before);
    EXPECT_EQ(writer->wrong(), 0U);
}

class HugePages : public testing::Test {
protected:
    static constexpr const char *POOL = "/proc/sys/vm/nr_hugepages";
    static constexpr std::uint64_t KIB = 2048; // of one
    static constexpr int ROUNDS = 8;
    static std::uint64_t ask(std::uint64_t count) {
        support::write_file(POOL, std::to_string(count));
        return std::stoull(support::read_file(POOL));
    }
    // More and more, until the kernel had to move pages of buffers or the free
    // memory is used up. After a compaction that came to nothing the kernel
    // tries no other for a while, so it is asked again. Returns the number of
    // pages moved.
    std::uint64_t ask_for_more() const {
        const auto before = device.stats().moved;
        for (int round = 0; round < ROUNDS; ++round) {
            const auto free =
                support::value_of("/proc/meminfo", "MemFree:") / KIB;
            for (std::uint64_t count = free / 2; count <= free; count += 16) {
                ask(count);
                if (device.stats().moved > before)
                    return device.stats().moved - before;
            }
            ask(0);
        }
        return 0;
    }
    void TearDown() override { ask(0); }

    const Device device = Device::open();
    support::Crumbs crumbs{device};
};

TEST_F(HugePages, OnDemandMoveBuffersThatAreBeingWritten) {
    Writer writer(crumbs.kept().front().map);
    EXPECT_GT(ask_for_more(), 0U);
    EXPECT_EQ(writer.wrong(), 0U);
}

TEST_F(HugePages, OnDemandLeavePinnedBuffersAlone) {
    std::vector<gpumem::Pin> pins;
    for (auto &buffer : crumbs.kept())
        pins.push_back(buffer.bo.pin());
    const auto before = device.stats().moved;
    // All that can be had at all, which lies in crumbs in part.
    const auto all = support::available_memory() / 1024 / KIB;
    const auto got = ask(all);
    ask(0); // others need memory as well
    EXPECT_LT(got, all) << "there was enough without moving pages";
    EXPECT_EQ(device.stats().moved, before);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

} // namespace
