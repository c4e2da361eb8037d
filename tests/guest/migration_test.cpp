// SPDX-License-Identifier: MIT
// What happens to pages when compaction runs.
#include "support/compactor.hpp"
#include "support/crumbs.hpp"
#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

using gpumem::Device;
using support::Crumbs;
using support::move_pages;
using support::page_frames;

namespace {

std::size_t differences(const std::vector<std::uint64_t> &a,
                        const std::vector<std::uint64_t> &b) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        count += a.at(i) != b.at(i);
    return count;
}

TEST(Migration, KeepsTheContentsOfEveryPage) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    ASSERT_GE(move_pages(device, 1000), 1000U);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

// Whether the process's page table and the driver name the same pages. When
// kcompactd moves one between the two readings, the next reading agrees: only
// what is wrong stays wrong.
bool page_table_agrees(Crumbs &crumbs) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(crumbs.first_wrong(), ""); // every page is mapped again
        auto frames = support::all_page_frames();
        if (std::ranges::all_of(crumbs.kept(), [&](const auto &buffer) {
                return support::pagemap_frames(buffer.map.data(), 256) ==
                       frames[buffer.id];
            }))
            return true;
    }
    return false;
}

TEST(Migration, ChangesPhysicalPagesAndTheBufferCountsIt) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    auto before = support::all_page_frames();
    ASSERT_GE(move_pages(device, 1000), 1000U);

    std::size_t changed = 0;
    auto after = support::all_page_frames();
    for (const auto &buffer : crumbs.kept()) {
        const std::size_t here =
            differences(before[buffer.id], after[buffer.id]);
        changed += here;
        EXPECT_GE(buffer.bo.query().moved, here) << "buffer " << buffer.number;
    }
    EXPECT_GE(changed, 1000U);
    // The kernel's own word for it, where mappings are of pages.
    if (device.stats().backing == GPUMEM_BACKING_KIND_GEMFS) {
        EXPECT_TRUE(page_table_agrees(crumbs));
    }
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST(Migration, LeavesPinnedBuffersWhereTheyAre) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    auto &pinned = crumbs.kept().front();
    const gpumem::Pin pin = pinned.bo.pin();
    const auto before = page_frames(pinned.id);
    ASSERT_EQ(before.size(), 256U);
    const auto refused = device.stats().refused_pinned;
    ASSERT_GE(move_pages(device, 1000), 1000U);
    EXPECT_EQ(page_frames(pinned.id), before);
    EXPECT_EQ(pinned.bo.query().moved, 0U);
    // Newer kernels are told which mappings of gemfs to leave alone, so that
    // they do not take pages away from their users only to be refused.
    if (device.stats().backing == GPUMEM_BACKING_KIND_GEMFS &&
        support::kernel_is_at_least(6, 12)) {
        EXPECT_EQ(device.stats().refused_pinned, refused);
    } else {
        EXPECT_GT(device.stats().refused_pinned, refused);
    }
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST(Migration, MovesABufferAgainOnceTheLastNestedPinIsGone) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    std::vector<gpumem::Pin> outer;
    std::vector<gpumem::Pin> inner;
    for (auto &buffer : crumbs.kept()) {
        outer.push_back(buffer.bo.pin());
        inner.push_back(buffer.bo.pin());
    }
    EXPECT_EQ(crumbs.kept().front().bo.query().pins, 2U);

    const auto before = device.stats().moved;
    support::compact_memory();
    inner.clear();
    EXPECT_EQ(crumbs.kept().front().bo.query().pins, 1U);
    support::compact_memory();
    EXPECT_EQ(device.stats().moved, before) << "one pin must be enough";

    outer.clear();
    EXPECT_EQ(crumbs.kept().front().bo.query().pins, 0U);
    EXPECT_GE(move_pages(device, 1000), 1000U);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST(Migration, LosesNoWriteOfManyThreads) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    // Each thread owns one word in every page and counts it up in rounds.
    constexpr std::size_t threads = 4;
    std::atomic<bool> stop = false;
    std::vector<std::uint64_t> rounds(threads);
    const auto slot = [&](std::size_t buffer, std::size_t page,
                          std::size_t thread) -> volatile std::uint64_t & {
        return crumbs.kept()[buffer].map.as<std::uint64_t>()[page * 512 +
                                                              thread];
    };
    const std::size_t buffers = crumbs.kept().size();
    for (std::size_t b = 0; b < buffers; ++b)
        for (std::size_t p = 0; p < 256; ++p)
            for (std::size_t t = 0; t < threads; ++t)
                slot(b, p, t) = 0;

    std::vector<std::thread> workers;
    for (std::size_t t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
            do {
                for (std::size_t b = 0; b < buffers; ++b)
                    for (std::size_t p = 0; p < 256; ++p)
                        slot(b, p, t) = slot(b, p, t) + 1;
                ++rounds[t];
            } while (!stop);
        });
    const auto moved = move_pages(device, 1000);
    stop = true;
    for (auto &worker : workers)
        worker.join();

    ASSERT_GE(moved, 1000U);
    std::size_t wrong = 0;
    for (std::size_t b = 0; b < buffers; ++b)
        for (std::size_t p = 0; p < 256; ++p)
            for (std::size_t t = 0; t < threads; ++t)
                wrong += slot(b, p, t) != rounds[t];
    EXPECT_EQ(wrong, 0U);
}

TEST(Migration, SurvivesFreeingBuffersWhoseKernelIsMovingThem) {
    const Device device = Device::open();
    const auto objects = device.stats().objects;
    const auto before = device.stats();
    // Where the driver hears of it: pages that were taken aside and neither
    // moved nor given back were freed in between.
    const auto freed_while_isolated = [&] {
        const auto now = device.stats();
        return (now.isolated - before.isolated) - (now.moved - before.moved) -
               (now.put_back - before.put_back);
    };
    const bool mops = before.backing == GPUMEM_BACKING_KIND_MOPS;
    for (int i = 0; i < 40; ++i) {
        {
            const support::Compactor compactor;
            Crumbs crumbs(device, 96);
            EXPECT_EQ(crumbs.first_wrong(), "");
        }
        // Nothing is under way any more: what is missing was freed.
        if (i >= 5 && (!mops || freed_while_isolated()))
            break;
    }
    const auto after = device.stats();
    if (mops) {
        EXPECT_GT(freed_while_isolated(), 0U);
    }
    EXPECT_GT(after.moved, before.moved);
    EXPECT_EQ(after.objects, objects);
    EXPECT_EQ(after.resident_pages, before.resident_pages);
}

TEST(Migration, IsTracedByTraceCmd) {
    const Device device = Device::open();
    ASSERT_EQ(support::shell("trace-cmd start -e gpumem:gpumem_migrate "
                             "-e gpumem:gpumem_pin"),
              0);
    std::uint64_t moved = 0;
    {
        Crumbs crumbs(device);
        moved = move_pages(device, 100);
        const gpumem::Pin pin = crumbs.kept().front().bo.pin();
    }
    ASSERT_EQ(support::shell("trace-cmd stop && cd /tmp && "
                             "trace-cmd extract -o gpumem.dat && "
                             "trace-cmd report -i gpumem.dat >gpumem.trace"),
              0);
    // What "trace-cmd reset" does for every event there is, and takes seconds.
    support::write_file("/sys/kernel/tracing/events/gpumem/enable", "0");
    support::write_file("/sys/kernel/tracing/trace", "");
    support::write_file("/sys/kernel/tracing/tracing_on", "1");
    const std::string trace = support::read_file("/tmp/gpumem.trace");
    ASSERT_GE(moved, 100U);
    for (const char *what : {"gpumem_migrate:", "gpumem_pin:", "object=", "ret=0"})
        EXPECT_NE(trace.find(what), std::string::npos) << what;
}

} // namespace
