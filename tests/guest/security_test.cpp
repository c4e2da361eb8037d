// SPDX-License-Identifier: MIT
// What a user who is not root can see and do; docs/security.md tells it in words.
#include "security.hpp"

#include "support/cold.hpp"
#include "support/crumbs.hpp"
#include "support/debugfs.hpp"
#include "support/memory_group.hpp"
#include "support/moves.hpp"
#include "support/purge.hpp"
#include "support/system.hpp"
#include "support/test_importer.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

TEST_F(Security, AUserSeesNoPageFrames) {
    {
        // Root does, but not those of a PFN mapping.
        const Device device = Device::open();
        const Bo bo = device.create(PAGE);
        const auto map = bo.map();
        map.data()[0] = std::byte{1};
        const bool shown = device.stats().backing != GPUMEM_BACKING_KIND_MOPS;
        EXPECT_EQ(support::pagemap_frames(map.data(), 1).front() != 0, shown);
        EXPECT_NE(support::page_frames(support::object_ids().back()).front(), 0U);
    }
    const int status = as_nobody([] {
        const Device device = Device::open();
        const Bo bo = device.create(4 * PAGE);
        const auto map = bo.map();
        std::memset(map.data(), 1, map.size());
        // As if the user had started it; who changes its user is root's to look at.
        ::prctl(PR_SET_DUMPABLE, 1);
        for (const std::uint64_t frame : support::pagemap_frames(map.data(), 4))
            if (frame)
                return 1;
        for (const std::string &name :
             {support::GPUMEM_DEBUGFS + "objects", support::GPUMEM_DEBUGFS + "pages",
              std::string("/sys/kernel/tracing/trace"),
              std::string("/sys/kernel/tracing/events/gpumem/enable")}) {
            const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
            if (fd >= 0 || errno != EACCES)
                return 2;
        }
        return 0;
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Security, DebugfsIsRootsAloneFileByFile) {
    for (const auto &[name, mode] :
         {std::pair{"objects", 0400U}, {"pages", 0400U}, {"store", 0400U},
          {"corrupt", 0200U}, {"compact", 0600U}}) {
        struct stat found {};
        ASSERT_EQ(::stat((support::GPUMEM_DEBUGFS + name).c_str(), &found), 0)
            << name;
        EXPECT_EQ(found.st_mode & 07777, mode) << name;
        EXPECT_EQ(found.st_uid, 0U) << name;
    }
}

// However many processes and files there are, one user's pins stay in the limit.
TEST_F(Security, AForkBombOfOpenersPinsNoMoreThanTheLimit) {
    constexpr int openers = 32;
    constexpr std::size_t limit = 256; // pages
    struct Shared {
        std::atomic<int> pinned{};
        std::atomic<int> tried{};
        std::atomic<bool> end{};
    };
    void *memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto *shared = new (memory) Shared;
    std::vector<pid_t> children;
    for (int i = 0; i < openers; ++i)
        children.push_back(support::start_child([&] {
            const rlimit at_most{limit * PAGE, limit * PAGE};
            if (::setrlimit(RLIMIT_MEMLOCK, &at_most))
                return 1;
            become_nobody();
            const Device device = Device::open();
            std::vector<gpumem::Pin> pins;
            int status = 0;
            for (int n = 0; n < 8; ++n) {
                const Bo bo = device.create(16 * PAGE);
                try {
                    pins.push_back(bo.pin());
                    shared->pinned += 16;
                } catch (const gpumem::Error &error) {
                    status = error.code().value() == ENOMEM ? status : 2;
                }
            }
            ++shared->tried;
            while (!shared->end)
                ::usleep(1000);
            return status;
        }));
    // Each tells that it has tried, or ends before.
    std::vector<int> statuses(children.size(), -1);
    const auto waiting = [&] {
        int gone = 0;
        for (std::size_t i = 0; i < children.size(); ++i)
            if (statuses[i] == -1 && ::waitpid(children[i], &statuses[i], WNOHANG) <= 0)
                statuses[i] = -1;
            else
                ++gone;
        return shared->tried + gone < openers;
    };
    while (waiting())
        ::usleep(1000);
    EXPECT_EQ(shared->pinned, static_cast<int>(limit));
    shared->end = true;
    for (std::size_t i = 0; i < children.size(); ++i)
        EXPECT_EQ(statuses[i] == -1 ? support::wait_for(children[i]) : statuses[i], 0);
    ::munmap(memory, sizeof(Shared));
}

// Nor does their memory pass the limit of their cgroup: each wants more than all
// of them may have.
TEST_F(Security, AForkBombOfOpenersGetsNoMoreMemoryThanItsGroup) {
    constexpr int openers = 8;
    constexpr std::uint64_t limit = 32 << 20;
    const Device device = Device::open();
    if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
        GTEST_SKIP() << "pages outside the page cache are counted by the driver only";
    const auto objects = device.stats().objects;
    const support::MemoryGroup group;
    group.limit(limit);
    std::vector<pid_t> children;
    for (int i = 0; i < openers; ++i)
        children.push_back(support::start_child([&] {
            group.enter();
            become_nobody();
            const Device own = Device::open();
            const Bo bo = own.create(2 * limit);
            const auto map = bo.map();
            std::memset(map.data(), 1, map.size());
            return 0;
        }));
    for (const pid_t child : children) {
        const int status = support::wait_for(child);
        EXPECT_TRUE(WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL ||
                                            WTERMSIG(status) == SIGBUS))
            << status;
    }
    EXPECT_LE(group.peak(), limit + 64 * PAGE);
    EXPECT_EQ(device.stats().objects, objects);
}

// An import into a driver that cannot be told of moves keeps the whole buffer in
// place, and RLIMIT_MEMLOCK does not count it: a compositor would pay for all its
// clients. With gemfs the memory is charged as ever, and that is the limit.
TEST_F(Security, AnImportIsNotCountedAsAPinButItsMemoryIsCharged) {
    constexpr std::size_t size = 4 << 20;
    constexpr std::uint64_t limit = 32 << 20;
    ASSERT_EQ(support::shell("modprobe vgem && chmod a+rw /dev/dri/renderD*"), 0);
    const Device device = Device::open();
    const bool charged = device.stats().backing != GPUMEM_BACKING_KIND_MOPS;
    const auto before = device.stats();
    const support::MemoryGroup group;
    group.limit(limit);
    const int status = support::in_child([&] {
        group.enter();
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_MEMLOCK, &none))
            return 1;
        become_nobody();
        const Device own = Device::open();
        const gpumem::UniqueFd vgem(support::open_drm("vgem", "renderD"));
        std::vector<Bo> bos;
        for (std::size_t all = 0; all < 2 * limit; all += size) {
            bos.push_back(own.create(size));
            if (gpumem_bo_pin(bos.back().get(), 0) != -ENOMEM)
                return 2;
            std::uint32_t handle = 0;
            if (drmPrimeFDToHandle(vgem.get(), bos.back().export_dmabuf().fd(),
                                   &handle))
                return charged && errno == ENOMEM && all > 0 ? 0 : 3;
            // From 7.0 on not from attaching to detaching.
            if (!support::kernel_is_at_least(7, 0) && bos.back().query().pins != 1)
                return 4;
            const auto map = bos.back().map();
            std::memset(map.data(), 1, map.size());
        }
        return charged ? 5 : 0;
    });
    if (charged) {
        EXPECT_TRUE((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                    (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL ||
                                             WTERMSIG(status) == SIGBUS)))
            << status;
        EXPECT_LE(group.peak(), limit + 64 * PAGE);
    } else {
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
    // All of it goes with the process.
    EXPECT_EQ(device.stats().objects, before.objects);
    EXPECT_EQ(device.stats().pinned_objects, before.pinned_objects);
}

// What the driver does itself goes on while somebody is in the way elsewhere.
void expect_the_drivers_own_ways(const Device &device) {
    constexpr std::size_t pages = 64;
    const Bo bo = device.create(pages * PAGE);
    const auto map = bo.map();
    for (std::size_t i = 0; i < pages; ++i)
        support::fill_page(map, i, support::Contents::text,
                           static_cast<std::uint32_t>(i));
    // Ends by its budgets, or because there is nothing to do.
    const gpumem::Compaction got =
        device.compact(1000, std::chrono::milliseconds(50));
    EXPECT_LE(got.pages_moved, 1000U);
    EXPECT_TRUE(support::becomes_cold(bo, pages));
    for (std::size_t i = 0; i < pages; ++i)
        EXPECT_TRUE(support::page_is(map, i, support::Contents::text,
                                     static_cast<std::uint32_t>(i)));
}

// It maps, puts a fence in that never signals, and does nothing more.
TEST_F(Security, AnImporterThatNeverLetsGoStopsNothingElse) {
    const Device device = Device::open();
    std::vector<Bo> held;
    std::vector<std::uint64_t> ids;
    std::deque<support::TestImporter> importers;
    for (const char *kind : {"static", "told", "lazy"}) {
        held.push_back(device.create(64 * PAGE));
        ids.push_back(support::object_ids().back());
        const auto map = held.back().map();
        std::memset(map.data(), 1, map.size());
        const gpumem::DmaBuf dmabuf = held.back().export_dmabuf();
        importers.emplace_back(dmabuf.fd(), kind);
        ASSERT_EQ(importers.back()("map"), 0);
        ASSERT_EQ(importers.back()("fence"), 0);
    }
    support::Crumbs crumbs(device, 64);
    EXPECT_GT(support::move_pages(device, 1000), 0U);
    EXPECT_EQ(crumbs.first_wrong(), "");
    // Whoever asks for a page that is held is refused, and does not wait.
    for (const std::uint64_t id : ids)
        EXPECT_EQ(support::soft_offline(support::page_frames(id).front()),
                  EBUSY);
    expect_the_drivers_own_ways(device);
    // The shrinker passes by what the importers hold, and takes the next.
    const Bo other = device.create(64 * PAGE);
    {
        const auto map = other.map();
        std::memset(map.data(), 1, map.size());
    }
    for (const Bo &bo : held)
        bo.madvise(GPUMEM_BO_DONTNEED);
    other.madvise(GPUMEM_BO_DONTNEED);
    EXPECT_TRUE(support::becomes_purged(other));
    for (const Bo &bo : held)
        EXPECT_FALSE(bo.query().purged);
}

// It is told that its buffer is to move, and does not come back from that.
TEST_F(Security, AnImporterThatBlocksStopsNothingElse) {
    const Device device = Device::open();
    const auto filled = [&](std::uint64_t &id) {
        Bo bo = device.create(64 * PAGE);
        id = support::object_ids().back();
        const auto map = bo.map();
        std::memset(map.data(), 1, map.size());
        return bo;
    };
    std::uint64_t id = 0, other_id = 0;
    const Bo bo = filled(id), other = filled(other_id);
    const support::TestImporter stuck(bo.export_dmabuf().fd(), "stuck");
    const support::TestImporter told(other.export_dmabuf().fd(), "told");
    if (stuck.get("core_pins"))
        GTEST_SKIP() << "this kernel pins what an importer maps, and tells nobody";
    ASSERT_EQ(stuck("map"), 0);
    ASSERT_EQ(told("map"), 0);
    support::Crumbs crumbs(device, 64);

    const auto ask = [&] {
        return support::soft_offline(support::page_frames(id).front());
    };
    do
        ASSERT_EQ(ask(), EBUSY);
    while (stuck("waits"));
    // Nobody waits for it: not who asks again, not compaction, not the worker
    // that tells others, not the shrinker.
    EXPECT_EQ(ask(), EBUSY);
    EXPECT_GT(support::move_pages(device, 1000), 0U);
    EXPECT_EQ(crumbs.first_wrong(), "");
    EXPECT_TRUE(support::moves(other_id));
    expect_the_drivers_own_ways(device);
    const Bo purgeable = device.create(PAGE);
    { purgeable.map().data()[0] = std::byte{1}; }
    purgeable.madvise(GPUMEM_BO_DONTNEED);
    EXPECT_TRUE(support::becomes_purged(purgeable));
    ASSERT_EQ(stuck("waits"), 0);

    ASSERT_EQ(stuck("go"), 0);
    EXPECT_TRUE(support::moves(id));
}

// Somebody pins for long what an importer never lets go of: the pin waits, and
// nobody else for it, though it holds the buffer's reservation.
TEST_F(Security, ALongPinThatNeverEndsStopsNothingElse) {
    const Device device = Device::open();
    const Bo bo = device.create(64 * PAGE);
    const std::uint64_t id = support::object_ids().back();
    {
        const auto map = bo.map();
        std::memset(map.data(), 1, map.size());
    }
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    const support::TestImporter importer(dmabuf.fd(), "lazy");
    ASSERT_EQ(importer("map"), 0);
    if (importer.get("core_pins") ||
        support::read_file("/proc/meminfo").find("CmaTotal") ==
            std::string::npos)
        GTEST_SKIP() << "on this kernel it need not wait";
    ASSERT_EQ(importer("fence"), 0);
    support::Crumbs crumbs(device, 64);

    const pid_t child = support::start_child([&] {
        const gpumem::Pin pin = bo.pin(gpumem::PinFor::long_time);
        return 0;
    });
    // Not asking the importer, which takes the reservation that the pin holds.
    const std::string stack = "/proc/" + std::to_string(child) + "/stack";
    while (support::read_file(stack).find("dma_resv_wait_timeout") ==
           std::string::npos)
        ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "it did not wait";
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(support::soft_offline(support::page_frames(id).front()),
                  EBUSY);
    EXPECT_GT(support::move_pages(device, 100), 0U);
    EXPECT_EQ(crumbs.first_wrong(), "");
    expect_the_drivers_own_ways(device);
    ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "it did not wait";

    ::kill(child, SIGKILL);
    const int status = support::wait_for(child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(bo.query().pins, 0U);
    ASSERT_EQ(importer("signal"), 0);
    EXPECT_TRUE(support::moves(id));
}

TEST_F(Security, AMapOffsetOfAnotherFileIsRefused) {
    const Device device = Device::open();
    const Bo bo = device.create(PAGE);
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    ASSERT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args), 0);
    const int status = as_nobody([&] {
        const Device other = Device::open();
        void *map = ::mmap(nullptr, PAGE, PROT_READ, MAP_SHARED, other.fd(),
                           static_cast<off_t>(args.offset));
        return map == MAP_FAILED && errno == EACCES ? 0 : 1;
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
