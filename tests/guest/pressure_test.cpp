// SPDX-License-Identifier: MIT
// No memory left: who hears of it, and what stays.
#include "support/cold.hpp"
#include "support/kernel_config.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <string>
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

// Swap in compressed memory, for as long as it is in scope.
class Zram {
public:
    explicit Zram(std::uint64_t bytes) {
        ok_ = support::shell("modprobe zram num_devices=1") == 0;
        if (!ok_)
            return;
        support::write_file("/sys/block/zram0/disksize", std::to_string(bytes));
        ok_ = support::shell("mkswap /dev/zram0 && swapon /dev/zram0") == 0;
    }
    Zram(const Zram &) = delete;
    Zram &operator=(const Zram &) = delete;
    ~Zram() { support::shell("swapoff /dev/zram0; modprobe -r zram"); }

    [[nodiscard]] bool ok() const { return ok_; }

private:
    bool ok_;
};

// Anonymous memory that a child has, so that no more than this is left to others.
class Taken {
public:
    explicit Taken(std::uint64_t left) {
        if (::pipe2(ends_.data(), O_CLOEXEC) || ::pipe2(ready_.data(), O_CLOEXEC))
            throw std::runtime_error("no pipe");
        child_ = support::start_child([&] {
            constexpr std::size_t step = 1 << 20;
            char byte = 0;
            ::close(ends_[1]);
            while (support::available_memory() > left) {
                void *memory = ::mmap(nullptr, step, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (memory == MAP_FAILED)
                    return 1;
                for (std::size_t at = 0; at < step; at += PAGE)
                    static_cast<volatile char *>(memory)[at] = 1;
            }
            if (::write(ready_[1], &byte, 1) != 1)
                return 1;
            return ::read(ends_[0], &byte, 1) == 0 ? 0 : 1;
        });
        ::close(ends_[0]);
        ::close(ready_[1]);
        char byte = 0;
        ok_ = ::read(ready_[0], &byte, 1) == 1;
    }
    Taken(const Taken &) = delete;
    Taken &operator=(const Taken &) = delete;
    ~Taken() {
        ::close(ends_[1]);
        ::close(ready_[0]);
        support::wait_for(child_);
    }
    [[nodiscard]] bool ok() const { return ok_; }

private:
    std::array<int, 2> ends_{}, ready_{};
    pid_t child_ = 0;
    bool ok_ = false;
};

// What a buffer has had already is worth that others are swapped out for it; what is
// new is refused then.
TEST_F(Pressure, APinOfAColdBufferHasOthersSwappedOut) {
    constexpr std::uint64_t SIZE = 64 << 20;
    constexpr std::size_t PAGES = SIZE / PAGE;
    const Zram swap(256 << 20);
    ASSERT_TRUE(swap.ok());
    const Device device = Device::open();
    const Bo bo = device.create(SIZE);
    const Bo fresh = device.create(SIZE);
    const auto map = bo.map();
    for (std::size_t i = 0; i < PAGES; ++i)
        support::fill_page(map, i, support::Contents::image,
                           static_cast<std::uint32_t>(i));
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    const auto kills = oom_kills();
    const Taken taken(SIZE / 2);
    ASSERT_TRUE(taken.ok());
    ASSERT_LT(support::available_memory(), SIZE);
    EXPECT_EQ(gpumem_bo_pin(fresh.get(), 0), -ENOMEM);
    EXPECT_EQ(gpumem_bo_pin(bo.get(), 0), 0);
    EXPECT_EQ(bo.query().resident_pages, PAGES);
    for (std::size_t i = 0; i < PAGES; i += 100)
        EXPECT_TRUE(support::page_is(map, i, support::Contents::image,
                                     static_cast<std::uint32_t>(i)))
            << "page " << i;
    EXPECT_EQ(oom_kills(), kills);
}

} // namespace
