// SPDX-License-Identifier: MIT
// Pins that may last: pages leave ZONE_MOVABLE and CMA first. What a kernel has
// of either depends on its configuration and command line, so each test asks.
#include "support/debugfs.hpp"
#include "support/poisoned_frame.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using gpumem::PinFor;
using support::PAGE;

namespace {

constexpr std::size_t PAGES = 256;

class LongPin : public testing::Test {
protected:
    LongPin() {
        const auto words = map.as<std::uint64_t>();
        for (std::size_t at = 0; at < words.size(); ++at)
            words[at] = at * 0x9e3779b97f4a7c15U;
        id = support::object_ids().back();
        before = support::page_frames(id);
    }

    // Must a long pin replace the page? A module cannot see which page blocks
    // are CMA's, so with CMA it replaces all.
    [[nodiscard]] bool suspect(std::uint64_t frame) const {
        return cma || support::is_in_zone_movable(frame);
    }
    [[nodiscard]] std::size_t suspects(
        const std::vector<std::uint64_t> &frames) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(frames, [&](auto f) { return suspect(f); }));
    }
    [[nodiscard]] bool intact() const {
        const auto words = map.as<std::uint64_t>();
        for (std::size_t at = 0; at < words.size(); ++at)
            if (words[at] != at * 0x9e3779b97f4a7c15U)
                return false;
        return true;
    }

    // Outlives the buffer.
    std::optional<support::PoisonedFrame> lost;
    const Device device = Device::open();
    const Bo bo = device.create(PAGES * PAGE);
    const gpumem::Mapping map = bo.map();
    const bool cma =
        support::read_file("/proc/meminfo").find("CmaTotal") !=
        std::string::npos;
    std::uint64_t id = 0;
    std::vector<std::uint64_t> before;
};

TEST_F(LongPin, ReplacesThePagesThatMustNotBeHeldAndNoOthers) {
    ASSERT_EQ(before.size(), PAGES);
    const gpumem::Pin pin = bo.pin(PinFor::long_time);
    const auto after = support::page_frames(id);
    ASSERT_EQ(after.size(), PAGES);
    for (std::size_t page = 0; page < PAGES; ++page) {
        if (suspect(before[page]))
            EXPECT_NE(after[page], before[page]) << page;
        else
            EXPECT_EQ(after[page], before[page]) << page;
        EXPECT_FALSE(support::is_in_zone_movable(after[page])) << page;
    }
    EXPECT_EQ(bo.query().moved, suspects(before));
    EXPECT_TRUE(intact());
}

TEST_F(LongPin, MovesNothingASecondTime) {
    { const gpumem::Pin pin = bo.pin(PinFor::long_time); }
    const auto settled = support::page_frames(id);
    const auto moved = bo.query().moved;
    const gpumem::Pin pin = bo.pin(PinFor::long_time);
    const gpumem::Pin nested = bo.pin(PinFor::long_time);
    EXPECT_EQ(support::page_frames(id), settled);
    EXPECT_EQ(bo.query().moved, moved);
}

TEST_F(LongPin, OfANewBufferTakesTheRightMemoryAtOnce) {
    const Bo fresh = device.create(PAGES * PAGE);
    const auto number = support::object_ids().back();
    const gpumem::Pin pin = fresh.pin(PinFor::long_time);
    EXPECT_EQ(fresh.query().moved, 0U);
    for (const auto frame : support::page_frames(number))
        EXPECT_FALSE(support::is_in_zone_movable(frame));
}

TEST_F(LongPin, IsRefusedWhileAShortOneHoldsSuchPages) {
    const int expected = suspects(before) ? -EBUSY : 0;
    {
        const gpumem::Pin pin = bo.pin();
        ASSERT_EQ(gpumem_bo_pin(bo.get(), GPUMEM_BO_PIN_LONGTERM), expected);
        EXPECT_EQ(bo.query().pins, expected ? 1U : 2U);
        EXPECT_EQ(support::page_frames(id), before);
        if (!expected) {
            ASSERT_EQ(gpumem_bo_unpin(bo.get()), 0);
        }
    }
    const gpumem::Pin pin = bo.pin(PinFor::long_time);
    EXPECT_TRUE(intact());
}

TEST_F(LongPin, IsRefusedWhileSomebodyElseUsesAPage) {
    if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
        GTEST_SKIP() << "nobody can get a page of a PFN mapping";
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const iovec page{map.data() + 7 * PAGE, PAGE};
    ASSERT_EQ(::vmsplice(ends[1], &page, 1, 0), static_cast<ssize_t>(PAGE));

    const int expected = suspect(before[7]) ? -EBUSY : 0;
    EXPECT_EQ(gpumem_bo_pin(bo.get(), GPUMEM_BO_PIN_LONGTERM), expected);
    EXPECT_EQ(bo.query().pins, expected ? 0U : 1U);
    EXPECT_EQ(support::page_frames(id)[7], before[7]);
    if (!expected) {
        ASSERT_EQ(gpumem_bo_unpin(bo.get()), 0);
    }
    EXPECT_TRUE(intact());
    std::vector<std::byte> got(PAGE);
    ASSERT_EQ(::read(ends[0], got.data(), PAGE), static_cast<ssize_t>(PAGE));
    EXPECT_TRUE(std::ranges::equal(got, map.bytes().subspan(7 * PAGE, PAGE)));
    ::close(ends[0]);
    ::close(ends[1]);

    const gpumem::Pin pin = bo.pin(PinFor::long_time);
    EXPECT_TRUE(intact());
}

// What the hardware has given up on cannot be copied.
TEST_F(LongPin, IsRefusedIfAPageToBeReplacedCannotBeRead) {
    constexpr std::size_t PLACE = 7;
    const bool refused = suspect(before[PLACE]);
    lost.emplace(before[PLACE]);
    EXPECT_EQ(gpumem_bo_pin(bo.get(), GPUMEM_BO_PIN_LONGTERM),
              refused ? -EHWPOISON : 0);
    EXPECT_EQ(bo.query().pins, refused ? 0U : 1U);
    EXPECT_EQ(bo.query().resident_pages, PAGES);
    EXPECT_EQ(support::page_frames(id)[PLACE], before[PLACE]);
    // The rest is as it was, and another buffer is pinned as ever.
    const auto words = map.as<std::uint64_t>();
    constexpr std::size_t WORDS = PAGE / sizeof(std::uint64_t);
    for (std::size_t at = 0; at < words.size(); ++at)
        if (at / WORDS != PLACE) {
            ASSERT_EQ(words[at], at * 0x9e3779b97f4a7c15U) << at;
        }
    const Bo other = device.create(PAGES * PAGE);
    other.map().data()[0] = std::byte{1};
    const gpumem::Pin pin = other.pin(PinFor::long_time);
    EXPECT_EQ(other.query().pins, 1U);
}

} // namespace
