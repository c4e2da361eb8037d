// SPDX-License-Identifier: MIT
// What needs a machine with memory of its own kind: blocks to unplug
// (movablecore=), two nodes (numa=fake=2), a CMA area (cma=). tools/test boots one
// for these tests.
#include "support/debugfs.hpp"
#include "support/poisoned_frame.hpp"
#include "support/system.hpp"
#include "support/writer.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;
using support::Writer;

namespace {

constexpr int TRIES = 20;
const std::string MEMORY = "/sys/devices/system/memory/";

class Layout : public testing::Test {
protected:
    const Device device = Device::open();
};

// A memory block in ZONE_MOVABLE, by its number; frames in it can all be moved.
class LayoutOffline : public Layout {
protected:
    LayoutOffline()
        : pages(std::stoull(support::read_file(MEMORY + "block_size_bytes"),
                            nullptr, 16) /
                PAGE) {}
    ~LayoutOffline() override {
        if (block)
            support::write_errno(state(), "online_movable");
    }
    void SetUp() override {
        std::set<std::uint64_t> blocks;
        for (const auto frame : support::page_frames(id))
            blocks.insert(frame / pages);
        for (const std::uint64_t each : blocks)
            if (support::read_file(MEMORY + "memory" + std::to_string(each) +
                                   "/valid_zones") == "Movable\n") {
                block = each;
                return;
            }
        FAIL() << "the buffer has no page in a block of ZONE_MOVABLE";
    }
    [[nodiscard]] std::string state() const {
        return MEMORY + "memory" + std::to_string(*block) + "/state";
    }
    [[nodiscard]] std::size_t pages_in_block() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(support::page_frames(id), [&](auto frame) {
                return frame / pages == *block;
            }));
    }

    // Goes after the buffer that has it.
    std::optional<support::PoisonedFrame> poisoned;
    // More than what a zone has outside of whole blocks.
    const Bo bo = device.create(144 << 20);
    const gpumem::Mapping map = bo.map();
    std::optional<Writer> writer{std::in_place, map};
    const std::uint64_t id = support::object_ids().back();
    const std::uint64_t pages; // of a block
    std::optional<std::uint64_t> block;
};

TEST_F(LayoutOffline, ABlockWithABufferThatIsBeingWrittenGoes) {
    ASSERT_GT(pages_in_block(), 0U);
    int error = EBUSY;
    for (int i = 0; i < TRIES && error; ++i)
        error = support::write_errno(state(), "offline");
    EXPECT_EQ(error, 0);
    EXPECT_EQ(pages_in_block(), 0U);
    EXPECT_GT(bo.query().moved, 0U);
    EXPECT_EQ(writer->wrong(), 0U);
}

TEST_F(LayoutOffline, ABlockWithAPinnedBufferIsRefusedAtOnce) {
    const gpumem::Pin pin = bo.pin();
    const auto before = support::page_frames(id);
    EXPECT_EQ(support::write_errno(state(), "offline"), EBUSY);
    EXPECT_EQ(support::read_file(state()), "online\n");
    EXPECT_EQ(support::page_frames(id), before);
    EXPECT_EQ(writer->wrong(), 0U);
}

TEST_F(LayoutOffline, ALongPinIsInNobodysWay) {
    const gpumem::Pin pin = bo.pin(gpumem::PinFor::long_time);
    const auto before = support::page_frames(id);
    EXPECT_EQ(pages_in_block(), 0U);
    int error = EBUSY;
    for (int i = 0; i < TRIES && error; ++i)
        error = support::write_errno(state(), "offline");
    EXPECT_EQ(error, 0);
    EXPECT_EQ(support::page_frames(id), before);
    EXPECT_EQ(writer->wrong(), 0U);
}

// The kernel steps over poisoned pages, and the memory could be removed. But this one
// stays in its slot.
TEST_F(LayoutOffline, ABlockWithAPoisonedPageOfABufferIsRefused) {
    writer.reset(); // it would be killed
    const auto before = support::page_frames(id);
    const auto frame = std::ranges::find_if(
        before, [&](auto each) { return each / pages == *block; });
    ASSERT_NE(frame, before.end());
    poisoned.emplace(*frame);
    ASSERT_EQ(support::page_frames(id), before);
    for (int i = 0; i < TRIES; ++i)
        ASSERT_EQ(support::write_errno(state(), "offline"), EBUSY);
    EXPECT_EQ(support::read_file(state()), "online\n");
    EXPECT_EQ(support::page_frames(id), before);
}

class LayoutNuma : public Layout {
protected:
    void SetUp() override {
        if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
            GTEST_SKIP() << "the kernel migrates no PFN mappings between nodes";
        ASSERT_TRUE(std::filesystem::exists("/sys/devices/system/node/node1"));
    }
    // The node of each page of the mapping.
    std::vector<int> nodes() {
        std::vector<void *> addresses;
        for (std::size_t at = 0; at < map.size(); at += PAGE)
            addresses.push_back(map.data() + at);
        std::vector<int> found(addresses.size());
        EXPECT_EQ(::syscall(SYS_move_pages, 0, addresses.size(),
                            addresses.data(), nullptr, found.data(), 0),
                  0);
        return found;
    }
    static long migrate(unsigned long from, unsigned long to) {
        const unsigned long old_nodes = 1UL << from;
        const unsigned long new_nodes = 1UL << to;
        return ::syscall(SYS_migrate_pages, 0, 64, &old_nodes, &new_nodes);
    }

    const Bo bo = device.create(8 << 20);
    const gpumem::Mapping map = bo.map();
    Writer writer{map};
};

TEST_F(LayoutNuma, ABufferThatIsBeingWrittenMovesToTheOtherNode) {
    for (const unsigned long to : {1UL, 0UL}) {
        for (int i = 0; i < TRIES; ++i) {
            EXPECT_GE(migrate(1 - to, to), 0);
            if (std::ranges::count(nodes(), static_cast<int>(to)) ==
                static_cast<std::ptrdiff_t>(map.size() / PAGE))
                break;
        }
        EXPECT_EQ(std::ranges::count(nodes(), static_cast<int>(to)),
                  static_cast<std::ptrdiff_t>(map.size() / PAGE));
    }
    EXPECT_GE(bo.query().moved, map.size() / PAGE);
    EXPECT_EQ(writer.wrong(), 0U);
}

TEST_F(LayoutNuma, APinnedBufferStaysOnItsNode) {
    const gpumem::Pin pin = bo.pin();
    const auto before = nodes();
    migrate(0, 1);
    migrate(1, 0);
    EXPECT_EQ(nodes(), before);
    EXPECT_EQ(bo.query().moved, 0U);
    EXPECT_EQ(writer.wrong(), 0U);
}

class LayoutCma : public Layout {
protected:
    static std::uint64_t kib(const std::string &key) {
        std::istringstream lines(support::read_file("/proc/meminfo"));
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with(key + ":"))
                return std::stoull(line.substr(key.size() + 1));
        return 0;
    }
    void SetUp() override {
        if (!kib("CmaTotal"))
            GTEST_SKIP() << "this kernel has no CMA";
        support::load_test_module("gpumem_test_cma");
        // As much as it takes until the buffers lie in the area as well.
        const auto free_before = kib("CmaFree");
        while (kib("CmaFree") > free_before / 4 && buffers.size() < 24) {
            buffers.push_back(device.create(32 << 20));
            maps.push_back(buffers.back().map());
            for (std::size_t at = 0; at < maps.back().size(); at += 8)
                maps.back().as<std::uint64_t>()[at / 8] = at + buffers.size();
        }
        ASSERT_LE(kib("CmaFree"), free_before / 2)
            << "no page of a buffer came from the CMA area";
    }
    [[nodiscard]] bool intact() const {
        for (std::size_t b = 0; b < maps.size(); ++b)
            for (std::size_t at = 0; at < maps[b].size(); at += 8)
                if (maps[b].as<std::uint64_t>()[at / 8] != at + b + 1)
                    return false;
        return true;
    }
    static int allocate() {
        return support::write_errno("/sys/kernel/debug/gpumem_test_cma",
                                    std::to_string(kib("CmaTotal") * 1024 * 3 /
                                                   4));
    }
    std::vector<Bo> buffers;
    std::vector<gpumem::Mapping> maps;
};

TEST_F(LayoutCma, ADeviceGetsItsMemoryFromUnderBuffers) {
    const auto moved = device.stats().moved;
    int error = ENOMEM;
    for (int i = 0; i < TRIES && error; ++i)
        error = allocate();
    EXPECT_EQ(error, 0);
    EXPECT_GT(device.stats().moved, moved);
    EXPECT_TRUE(intact());
}

TEST_F(LayoutCma, ADeviceGetsNothingFromUnderAShortPin) {
    std::vector<gpumem::Pin> pins;
    for (const Bo &bo : buffers)
        pins.push_back(bo.pin());
    const auto moved = device.stats().moved;
    EXPECT_EQ(allocate(), ENOMEM);
    EXPECT_EQ(device.stats().moved, moved);
    EXPECT_TRUE(intact());
}

TEST_F(LayoutCma, ALongPinIsInNobodysWay) {
    buffers.resize(buffers.size() / 2); // room to leave the area
    maps.resize(buffers.size());
    std::vector<gpumem::Pin> pins;
    for (const Bo &bo : buffers)
        pins.push_back(bo.pin(gpumem::PinFor::long_time));
    int error = ENOMEM;
    for (int i = 0; i < TRIES && error; ++i)
        error = allocate();
    EXPECT_EQ(error, 0);
    EXPECT_TRUE(intact());
}

} // namespace
