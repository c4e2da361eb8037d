// SPDX-License-Identifier: MIT
// The driver's own compaction: page blocks become free before the kernel wants one.
#include "support/crumbs.hpp"
#include "support/debugfs.hpp"
#include "support/kernel_config.hpp"
#include "support/memory_group.hpp"
#include "support/system.hpp"
#include "support/writer.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <linux/kernel-page-flags.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>

using gpumem::Compaction;
using gpumem::Device;
using support::Crumbs;
using support::PAGE;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t ALL = GPUMEM_COMPACT_MAX_PAGES;
constexpr std::uint64_t BLOCK = 512; // pages

const std::string FILE_OF_COMPACT = support::GPUMEM_DEBUGFS + "compact";

// Page blocks in which no page is in use, by the kernel's own account: each of them is
// in a free list or has no flag, as in the list of a CPU. Takes no memory. Pages with
// movable_operations have no flags either.
std::uint64_t unused_blocks() {
    constexpr std::uint64_t buddy = std::uint64_t{1} << KPF_BUDDY;
    const gpumem::UniqueFd flags(
        ::open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
    std::array<std::uint64_t, BLOCK> block{};
    const auto size = static_cast<ssize_t>(sizeof(block));
    std::uint64_t sum = 0;
    for (off_t at = 0; ::pread(flags.get(), block.data(), sizeof(block), at) == size;
         at += size)
        sum += std::ranges::all_of(
            block, [](std::uint64_t page) { return !(page & ~buddy); });
    return sum;
}

class Compact : public testing::Test {
protected:
    // A page of anybody else's in a block keeps it from being left, and the tests
    // before this one may have strewn theirs over all of them.
    Compact() { support::compact_memory(); }

    // Makes calls until nothing is left to be gained; adds up what they tell.
    Compaction compact_all(std::uint64_t pages, std::chrono::nanoseconds time) {
        Compaction sum{};
        const auto end = std::chrono::steady_clock::now() + 300s;
        for (calls = 0;
             !sum.done && std::chrono::steady_clock::now() < end; ++calls) {
            const Compaction got = device.compact(pages, time);
            EXPECT_LE(got.pages_moved, pages);
            sum.pages_moved += got.pages_moved;
            sum.blocks_freed += got.blocks_freed;
            sum.pages_scanned += got.pages_scanned;
            sum.done = got.done;
        }
        EXPECT_EQ(sum.done, 1U) << "never done";
        return sum;
    }

    const Device device = Device::open();
    unsigned calls = 0;
};

// Nothing may be read of many pages' frames before the compaction: what that takes
// lies in the blocks of the crumbs then, and belongs to no buffer.
TEST_F(Compact, MakesBlocksFreeThatBuffersHadInCrumbs) {
    Crumbs crumbs(device);
    support::drain_lru_batches();
    const auto before = device.stats();
    const auto unused = unused_blocks();
    const Compaction got = compact_all(ALL, 0ns);
    const auto unused_after = unused_blocks();
    const auto after = device.stats();
    // Of the blocks that are a quarter full more than half could be free.
    const std::uint64_t blocks = crumbs.kept().size() * 256 / (BLOCK / 4);
    EXPECT_GE(got.blocks_freed, blocks / 4);
    EXPECT_GE(got.pages_moved, got.blocks_freed);
    EXPECT_GE(got.pages_scanned, got.pages_moved);
    // The moves are counted where all are.
    EXPECT_EQ(after.moved - before.moved, got.pages_moved);
    EXPECT_EQ(after.resident_pages, before.resident_pages);
    std::uint64_t moved = 0;
    for (const auto &buffer : crumbs.kept())
        moved += buffer.bo.query().moved;
    EXPECT_EQ(moved, got.pages_moved);
    EXPECT_EQ(crumbs.first_wrong(), "");

    std::cout << "moved " << got.pages_moved << ", freed " << got.blocks_freed
              << ", scanned " << got.pages_scanned << ", calls " << calls
              << "; unused blocks " << unused << " -> " << unused_after << '\n';
    // Somebody else may have taken a page of one since then.
    if (after.backing != GPUMEM_BACKING_KIND_MOPS) {
        EXPECT_GE(unused_after, unused + got.blocks_freed / 2);
    }
}

TEST_F(Compact, IsDoneWhenNothingIsLeftToBeGained) {
    Crumbs crumbs(device);
    support::drain_lru_batches();
    compact_all(ALL, 0ns);
    const Compaction again = compact_all(ALL, 0ns);
    EXPECT_LE(calls, 4U);
    EXPECT_LE(again.blocks_freed, crumbs.kept().size() / 8);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST_F(Compact, OfNoBuffersIsDoneAtOnce) {
    const Compaction got = compact_all(ALL, 0ns);
    EXPECT_EQ(got.pages_moved, 0U);
    EXPECT_EQ(got.blocks_freed, 0U);
}

TEST_F(Compact, MovesNoMorePagesThanTheBudgetHas) {
    Crumbs crumbs(device);
    support::drain_lru_batches();
    for (const std::uint64_t pages : {1U, 7U, 300U}) {
        Compaction got{};
        // A call that meets only what is busy for the moment moves less.
        for (int i = 0; i < 50 && got.pages_moved < pages; ++i) {
            const auto before = device.stats().moved;
            got = device.compact(pages);
            EXPECT_EQ(got.pages, pages);
            ASSERT_LE(got.pages_moved, pages);
            EXPECT_EQ(got.done, 0U);
            // The kernel compacts as well.
            EXPECT_GE(device.stats().moved - before, got.pages_moved);
        }
        EXPECT_EQ(got.pages_moved, pages);
    }
    EXPECT_EQ(crumbs.first_wrong(), "");
}

// As a program would call it once a frame.
TEST_F(Compact, ComesAsFarWithManySmallBudgets) {
    Crumbs crumbs(device);
    support::drain_lru_batches();
    const std::uint64_t blocks = crumbs.kept().size() * 256 / (BLOCK / 4);
    std::uint64_t moved = 0, freed = 0;
    const auto end = std::chrono::steady_clock::now() + 300s;
    for (calls = 0;
         freed < blocks / 8 && std::chrono::steady_clock::now() < end;
         ++calls) {
        const Compaction got = device.compact(64, 2ms);
        EXPECT_LE(got.pages_moved, 64U);
        moved += got.pages_moved;
        freed += got.blocks_freed;
    }
    std::cout << "moved " << moved << ", freed " << freed << " in " << calls
              << " calls\n";
    EXPECT_GE(calls, moved / 64);
    EXPECT_GE(freed, blocks / 8);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

// By what a call has done: how long that took is the machine's affair.
TEST_F(Compact, EndsWhenItsTimeIsOver) {
    Crumbs crumbs(device);
    support::drain_lru_batches();
    // Too short for anything; but something is done in each call, until the first
    // half of a pass is over and pages move, one at a time.
    std::uint64_t moved = 0;
    unsigned short_calls = 0;
    for (; moved < 16 && short_calls < 1000; ++short_calls) {
        const Compaction got = device.compact(ALL, 1ns);
        ASSERT_LE(got.pages_moved, 1U);
        ASSERT_LE(got.pages_scanned, 2 * BLOCK);
        ASSERT_GE(got.pages_scanned + got.pages_moved, 1U);
        ASSERT_EQ(got.done, 0U);
        moved += got.pages_moved;
    }
    // Enough for some pages, but not for all that lie there.
    const Compaction some = device.compact(ALL, 1ms);
    const Compaction rest = compact_all(ALL, 0ns);
    std::cout << "moved " << moved << " in " << short_calls << " calls, "
              << some.pages_moved << " in a millisecond, then " << rest.pages_moved
              << '\n';
    EXPECT_EQ(some.done, 0U);
    EXPECT_GE(rest.pages_moved, 1000U);
    EXPECT_LT(some.pages_moved, rest.pages_moved / 2);
    EXPECT_LT(some.pages_scanned, rest.pages_scanned / 2);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

// What a call did that was signalled while it moved pages.
Compaction signalled(const Device &device) {
    std::atomic<bool> back = false;
    const pthread_t caller = ::pthread_self();
    const auto before = device.stats().moved;
    std::thread sender([&] {
        while (!back && device.stats().moved == before)
            std::this_thread::sleep_for(1ms);
        // Again, should the kernel have moved that page before the call began; and
        // less and less often, or a slow machine would do nothing but handle them.
        for (auto gap = 10ms; !back; gap *= 2) {
            ::pthread_kill(caller, SIGALRM);
            for (const auto end = std::chrono::steady_clock::now() + gap;
                 !back && std::chrono::steady_clock::now() < end;)
                std::this_thread::sleep_for(1ms);
        }
    });
    const Compaction got = device.compact(ALL);
    back = true;
    sender.join();
    return got;
}

// A signal's handler that does nothing: the call comes back early and succeeds.
TEST_F(Compact, EndsEarlyWhenASignalComes) {
    struct sigaction action {};
    struct sigaction old {};
    action.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGALRM, &action, &old), 0);
    Compaction got{};
    Compaction rest{};
    // The sender may get no time before the call is over.
    for (int i = 0; i < 5 && rest.pages_moved <= got.pages_moved; ++i) {
        Crumbs crumbs(device);
        support::drain_lru_batches();
        got = signalled(device);
        rest = compact_all(ALL, 0ns);
        EXPECT_EQ(crumbs.first_wrong(), "");
    }
    ::sigaction(SIGALRM, &old, nullptr);
    std::cout << "moved " << got.pages_moved << ", then " << rest.pages_moved << '\n';
    EXPECT_FALSE(got.done);
    EXPECT_GT(rest.pages_moved, got.pages_moved);
}

TEST_F(Compact, LosesNoWrite) {
    std::unique_ptr<Crumbs> crumbs = std::make_unique<Crumbs>(device);
    support::drain_lru_batches();
    std::vector<std::unique_ptr<support::Writer>> writers;
    for (std::size_t i = 0; i < 3; ++i)
        writers.push_back(
            std::make_unique<support::Writer>(crumbs->kept().at(i * 7).map));
    std::uint64_t moved = 0;
    for (int i = 0; i < 40 && moved < 2000; ++i) {
        moved += device.compact(500).pages_moved;
        std::this_thread::sleep_for(5ms);
    }
    EXPECT_GE(moved, 500U);
    for (const auto &writer : writers)
        EXPECT_EQ(writer->wrong(), 0U);
}

TEST_F(Compact, LeavesPinnedBuffersWhereTheyAre) {
    Crumbs crumbs(device);
    auto &pinned = crumbs.kept().front();
    const gpumem::Pin pin = pinned.bo.pin();
    support::drain_lru_batches();
    const auto frames = support::page_frames(pinned.id);
    ASSERT_EQ(frames.size(), 256U);
    // It has a page in each block, or nearly.
    (void)compact_all(ALL, 0ns);
    EXPECT_EQ(support::page_frames(pinned.id), frames);
    EXPECT_EQ(pinned.bo.query().moved, 0U);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST_F(Compact, LeavesAPageThatSomebodyElseUses) {
    if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
        GTEST_SKIP() << "nobody can get a page of a PFN mapping";
    Crumbs crumbs(device);
    auto &used = crumbs.kept().front();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const iovec page{used.map.data() + 7 * PAGE, PAGE};
    ASSERT_EQ(::vmsplice(ends[1], &page, 1, 0), static_cast<ssize_t>(PAGE));
    const auto frame = support::page_frames(used.id).at(7);
    support::drain_lru_batches();
    (void)compact_all(ALL, 0ns);
    EXPECT_EQ(support::page_frames(used.id).at(7), frame);
    std::vector<std::byte> got(PAGE);
    ASSERT_EQ(::read(ends[0], got.data(), PAGE), static_cast<ssize_t>(PAGE));
    EXPECT_TRUE(
        std::ranges::equal(got, used.map.bytes().subspan(7 * PAGE, PAGE)));
    ::close(ends[0]);
    ::close(ends[1]);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

// What has left a page is free at once, or the group would pay twice for a while.
TEST_F(Compact, LetsNobodyRunIntoTheLimitOfItsMemory) {
    if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
        GTEST_SKIP() << "pages outside the page cache are counted by the "
                        "driver only";
    constexpr std::size_t TOUCHED = 1 << 20;
    const support::MemoryGroup group;
    const int status = support::in_child([&] {
        group.enter();
        const Device own = Device::open();
        Crumbs crumbs(own);
        support::drain_lru_batches();
        void *memory = ::mmap(nullptr, TOUCHED, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return 1;
        group.limit(group.usage() + 4 * TOUCHED);
        // In turn: what it touches lies in the blocks that are to be emptied.
        std::uint64_t moved = 0;
        for (int i = 0; i < 300; ++i) {
            moved += own.compact(64).pages_moved;
            for (std::size_t at = 0; at < TOUCHED; at += PAGE)
                static_cast<volatile char *>(memory)[at] = 1;
            ::madvise(memory, TOUCHED, MADV_DONTNEED);
        }
        std::cout << "moved " << moved << std::endl;
        // Twice what is left to the group.
        if (moved < 8 * TOUCHED / PAGE)
            return 2;
        return crumbs.first_wrong().empty() ? 0 : 3;
    });
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    EXPECT_EQ(group.get("memory.events", "oom_kill"), 0U);
}

TEST_F(Compact, SurvivesFreeingBuffersThatItMoves) {
    const auto before = device.stats();
    std::atomic<bool> stop = false;
    std::thread compactor([&] {
        while (!stop)
            (void)device.compact(ALL, 2ms);
    });
    const int rounds = support::checks_itself() ? 3 : 6;
    for (int i = 0; i < rounds; ++i) {
        Crumbs crumbs(device, 64);
        EXPECT_EQ(crumbs.first_wrong(), "");
    }
    stop = true;
    compactor.join();
    // A worker frees those whose last user the compaction was.
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (device.stats().objects != before.objects &&
           std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(1ms);
    EXPECT_EQ(device.stats().objects, before.objects);
    EXPECT_EQ(device.stats().resident_pages, before.resident_pages);
}

// A walk that stopped at one of them must not take it for a later one.
TEST_F(Compact, KnowsTheOrderOfBuffersThatAreMadeAtOnce) {
    std::vector<gpumem::Bo> buffers[2];
    std::thread makers[2];
    for (int i = 0; i < 2; ++i)
        makers[i] = std::thread([&, i] {
            for (int n = 0; n < 2000; ++n)
                buffers[i].push_back(device.create(PAGE));
        });
    for (std::thread &maker : makers)
        maker.join();
    const auto ids = support::object_ids();
    EXPECT_GE(ids.size(), 4000U);
    EXPECT_TRUE(std::ranges::is_sorted(ids));
}

TEST_F(Compact, RunsBesideTheKernelsOwn) {
    Crumbs crumbs(device);
    std::atomic<bool> stop = false;
    std::thread kernel([&] {
        while (!stop)
            support::compact_memory();
    });
    for (int i = 0; i < 20; ++i)
        (void)device.compact(2000, 20ms);
    stop = true;
    kernel.join();
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST_F(Compact, IsOneAtATime) {
    Crumbs crumbs(device);
    std::atomic<bool> stop = false;
    std::atomic<unsigned> busy = 0;
    std::atomic<unsigned> wrong = 0;
    const auto work = [&] {
        while (!stop) {
            Compaction args{};
            args.size = sizeof(args);
            args.pages = 200;
            const int ret = gpumem_device_compact(device.get(), &args);
            busy += ret == -EBUSY;
            wrong += ret && ret != -EBUSY;
        }
    };
    std::thread one(work);
    std::thread other(work);
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!busy && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(1ms);
    stop = true;
    one.join();
    other.join();
    EXPECT_GT(busy, 0U);
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST_F(Compact, IsToBeHadInDebugfs) {
    Crumbs crumbs(device);
    support::drain_lru_batches();
    const auto before = device.stats().moved;
    support::write_file(FILE_OF_COMPACT, "300 1000");
    const auto moved = device.stats().moved - before;
    EXPECT_GE(moved, 1U);
    EXPECT_LE(moved, 300U);
    std::istringstream lines(support::read_file(FILE_OF_COMPACT));
    std::string head;
    std::getline(lines, head);
    EXPECT_EQ(head, "# pages ms moved freed scanned done");
    std::uint64_t pages = 0;
    std::uint64_t ms = 0;
    std::uint64_t told = 0;
    lines >> pages >> ms >> told;
    EXPECT_EQ(pages, 300U);
    EXPECT_EQ(ms, 1000U);
    EXPECT_EQ(told, moved);
    for (const char *bad : {" ", "300", "all 1", "0 1", "65537 1"})
        EXPECT_EQ(support::write_errno(FILE_OF_COMPACT, bad), EINVAL) << bad;
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST_F(Compact, IsAVerbOfTheTool) {
    EXPECT_EQ(support::shell("gpumem compact --pages 10 --ms 5"), 0);
    EXPECT_EQ(support::shell("gpumem compact --json | grep -q '\"done\": true'"),
              0);
}

} // namespace
