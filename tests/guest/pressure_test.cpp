// SPDX-License-Identifier: MIT
// No memory left: who hears of it, and what stays.
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <sstream>
#include <thread>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

std::uint64_t oom_kills() {
    std::istringstream lines(support::read_file("/proc/vmstat"));
    std::string key;
    for (std::uint64_t value = 0; lines >> key >> value;)
        if (key == "oom_kill")
            return value;
    return ~std::uint64_t{0};
}

std::uint64_t all_pages() {
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
}

TEST(Pressure, ATouchWithoutMemoryIsSigbusAndKillsNobodyElse) {
    const Device device = Device::open();
    const auto kills = oom_kills();
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
    EXPECT_GT(resident, all_pages() / 4);
}

// Each request alone would fit, so that one fails in its middle.
TEST(Pressure, APinThatRunsOutOfMemoryLeavesNoPage) {
    const Device device = Device::open();
    const auto resident = device.stats().resident_pages;
    const auto kills = oom_kills();
    std::istringstream lines(support::read_file("/proc/meminfo"));
    std::uint64_t available = 0;
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("MemAvailable:"))
            available = std::stoull(line.substr(13)) * 1024;
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
