// SPDX-License-Identifier: MIT
// No memory left: who hears of it, and what stays.
#include "support/kernel_config.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

std::uint64_t oom_kills() {
    return support::value_of("/proc/vmstat", "oom_kill");
}

// Filling all memory takes too long on a kernel that checks itself. There most
// of it goes into the pool of huge pages first, a third stays.
class Pressure : public testing::Test {
protected:
    void SetUp() override {
        const auto third = support::all_memory() / 3;
        const auto available = support::available_memory();
        if (support::checks_itself() && available > third)
            support::write_file(
                POOL, std::to_string((available - third) / HUGE_PAGE));
    }
    void TearDown() override { support::write_file(POOL, "0"); }

private:
    static constexpr const char *POOL = "/proc/sys/vm/nr_hugepages";
    static constexpr std::uint64_t HUGE_PAGE = 2 << 20;
};

std::uint64_t all_pages() {
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
}

TEST_F(Pressure, ATouchWithoutMemoryIsSigbusAndKillsNobodyElse) {
    const Device device = Device::open();
    const auto kills = oom_kills();
    const auto available = support::available_memory();
    const Bo bo = device.create(all_pages() * PAGE);
    const auto map = bo.map();
    // Twice: what is there stays, and what there is no memory for is refused
    // again.
    std::uint64_t resident = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
        const int status = support::in_child([&] {
            for (std::size_t page = 0; page < map.size() / PAGE; ++page) {
                std::byte &byte = map.data()[page * PAGE];
                if (page < resident && byte != std::byte{1})
                    return 1;
                byte = std::byte{1};
            }
            return 0;
        });
        ASSERT_TRUE(WIFSIGNALED(status)) << status;
        EXPECT_EQ(WTERMSIG(status), SIGBUS);
        EXPECT_EQ(oom_kills(), kills);
        EXPECT_GE(bo.query().resident_pages, resident);
        resident = bo.query().resident_pages;
    }
    EXPECT_GT(resident, available / 2 / PAGE);
}

// Each request alone would fit, so that one fails in its middle.
TEST_F(Pressure, APinThatRunsOutOfMemoryLeavesNoPage) {
    const Device device = Device::open();
    const auto resident = device.stats().resident_pages;
    const auto kills = oom_kills();
    const auto available = support::available_memory();
    ASSERT_GT(available, 0U);

    std::array<Bo, 2> bos{device.create(available * 6 / 10),
                          device.create(available * 6 / 10)};
    std::array<int, 2> results{};
    std::array<std::thread, 2> threads;
    for (std::size_t i = 0; i < 2; ++i)
        threads[i] = std::thread(
            [&, i] { results[i] = gpumem_bo_pin(bos[i].get(), 0); });
    for (auto &thread : threads)
        thread.join();

    std::size_t refused = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto info = bos[i].query();
        refused += results[i] == -ENOMEM;
        EXPECT_TRUE(results[i] == 0 || results[i] == -ENOMEM) << results[i];
        EXPECT_EQ(info.pins, results[i] == 0 ? 1U : 0U);
        EXPECT_EQ(info.resident_pages,
                  results[i] == 0 ? bos[i].size() / PAGE : 0U);
    }
    EXPECT_GE(refused, 1U);
    EXPECT_EQ(oom_kills(), kills);
    bos = {};
    EXPECT_EQ(device.stats().resident_pages, resident);
}

} // namespace
