// SPDX-License-Identifier: MIT
// User mappings while pages move: fork, mremap, munmap, dma-buf, refusals.
#include "support/crumbs.hpp"
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <thread>

using gpumem::Bo;
using gpumem::Device;
using support::Crumbs;
using support::move_pages;
using support::PAGE;

namespace {

off_t offset_of(const Device &device, const Bo &bo) {
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    EXPECT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args), 0);
    return static_cast<off_t>(args.offset);
}

TEST(Mapping, StartsAsZeros) {
    const Device device = Device::open();
    // Dirty memory first, so that zeros are not what it happens to hold.
    { Crumbs dirty(device, 64); }
    const Bo bo = device.create(8 << 20);
    const auto map = bo.map();
    EXPECT_EQ(bo.query().resident_pages, 0U);
    for (const std::uint64_t word : map.as<std::uint64_t>())
        ASSERT_EQ(word, 0U);
    EXPECT_EQ(bo.query().resident_pages, (8U << 20) / PAGE);
}

TEST(Mapping, IsSharedWithAForkedChildWhilePagesMove) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    auto &map = crumbs.kept().front().map;
    const int status = support::in_child([&] {
        if (!crumbs.first_wrong().empty() || move_pages(device, 1000) < 1000)
            return 1;
        for (std::size_t page = 0; page < map.size(); page += PAGE)
            map.data()[page] = std::byte{0x5a};
        return 0;
    });
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
    for (std::size_t page = 0; page < map.size(); page += PAGE)
        ASSERT_EQ(map.data()[page], std::byte{0x5a}) << page;
}

TEST(Mapping, FollowsMremapAndPartialMunmapWhilePagesMove) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    const Bo &bo = crumbs.kept().front().bo;
    const std::size_t size = bo.size();
    auto *map = static_cast<std::byte *>(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, device.fd(),
               offset_of(device, bo)));
    ASSERT_NE(map, MAP_FAILED);
    // A hole in the middle, and the end moved elsewhere.
    ASSERT_EQ(::munmap(map + 16 * PAGE, 16 * PAGE), 0);
    const std::size_t tail = size - 32 * PAGE;
    void *place = ::mmap(nullptr, tail, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);
    auto *moved = static_cast<std::byte *>(
        ::mremap(map + 32 * PAGE, tail, tail, MREMAP_MAYMOVE | MREMAP_FIXED,
                 place));
    ASSERT_NE(moved, MAP_FAILED);
    ASSERT_GE(move_pages(device, 1000), 1000U);

    const std::byte *want = crumbs.kept().front().map.data();
    EXPECT_EQ(std::memcmp(map, want, 16 * PAGE), 0);
    EXPECT_EQ(std::memcmp(moved, want + 32 * PAGE, tail), 0);
    ::munmap(map, 16 * PAGE);
    ::munmap(moved, tail);
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST(Mapping, OfTheDmaBufShowsTheSameBytesBeforeAndAfterAMove) {
    const Device device = Device::open();
    Crumbs crumbs(device);
    auto &buffer = crumbs.kept().front();
    const gpumem::DmaBuf dmabuf = buffer.bo.export_dmabuf();
    auto *shared = static_cast<std::byte *>(
        ::mmap(nullptr, buffer.map.size(), PROT_READ | PROT_WRITE, MAP_SHARED,
               dmabuf.fd(), 0));
    ASSERT_NE(shared, MAP_FAILED);
    EXPECT_EQ(std::memcmp(shared, buffer.map.data(), buffer.map.size()), 0);
    ASSERT_GE(move_pages(device, 1000), 1000U);
    EXPECT_EQ(std::memcmp(shared, buffer.map.data(), buffer.map.size()), 0);
    shared[5 * PAGE] = std::byte{0x77};
    EXPECT_EQ(buffer.map.data()[5 * PAGE], std::byte{0x77});
    // From the middle, with the dma-buf's own offsets.
    auto *part = static_cast<std::byte *>(
        ::mmap(nullptr, PAGE, PROT_READ, MAP_SHARED, dmabuf.fd(), 5 * PAGE));
    ASSERT_NE(part, MAP_FAILED);
    EXPECT_EQ(part[0], std::byte{0x77});
    ::munmap(part, PAGE);
    ::munmap(shared, buffer.map.size());
}

TEST(Mapping, OutlivesTheBuffersHandle) {
    const Device device = Device::open();
    const auto objects = device.stats().objects;
    auto bo = std::make_unique<Bo>(device.create(4 * PAGE));
    auto *map = static_cast<std::byte *>(
        ::mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
               device.fd(), offset_of(device, *bo)));
    ASSERT_NE(map, MAP_FAILED);
    map[0] = std::byte{1};
    bo.reset();
    EXPECT_EQ(map[0], std::byte{1});
    EXPECT_EQ(device.stats().objects, objects + 1);
    ::munmap(map, 4 * PAGE);
    EXPECT_EQ(device.stats().objects, objects);
}

TEST(Mapping, RefusesPrivateTooLongMisplacedAndForeign) {
    const Device device = Device::open();
    const Device other = Device::open();
    const Bo bo = device.create(4 * PAGE);
    const off_t offset = offset_of(device, bo);
    const auto refused = [&](std::size_t size, int flags, int fd, off_t at) {
        errno = 0;
        void *map = ::mmap(nullptr, size, PROT_READ, flags, fd, at);
        if (map != MAP_FAILED)
            ::munmap(map, size);
        return map == MAP_FAILED ? errno : 0;
    };
    EXPECT_EQ(refused(4 * PAGE, MAP_PRIVATE, device.fd(), offset), EINVAL);
    EXPECT_EQ(refused(5 * PAGE, MAP_SHARED, device.fd(), offset), EINVAL);
    EXPECT_EQ(refused(PAGE, MAP_SHARED, device.fd(),
                      offset + static_cast<off_t>(PAGE)),
              EINVAL);
    EXPECT_EQ(refused(4 * PAGE, MAP_SHARED, other.fd(), offset), EACCES);
    EXPECT_EQ(refused(4 * PAGE, MAP_SHARED, device.fd(), offset), 0);
}

TEST(Mapping, CannotGrow) {
    const Device device = Device::open();
    const Bo bo = device.create(4 * PAGE);
    const auto map = bo.map();
    errno = 0;
    EXPECT_EQ(::mremap(map.data(), 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE),
              MAP_FAILED);
    EXPECT_EQ(errno, EFAULT);
}

// A touch from inside a system call cannot take the signal first, so the fault
// has to end with an error.
TEST(Mapping, LetsATaskDieThatIsKilledWhileASystemCallFillsABuffer) {
    const Device device = Device::open();
    for (unsigned attempt = 0; attempt < 8; attempt++) {
        const Bo bo = device.create(128 << 20);
        const auto map = bo.map();
        const pid_t child = ::fork();
        if (child == 0) {
            const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
            for (;;)
                if (::read(zero, map.data(), map.size()) < 0)
                    ::_exit(1);
        }
        ASSERT_GT(child, 0);
        while (bo.query().resident_pages < 100 * (attempt + 1))
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ::kill(child, SIGKILL);
        int status = 0;
        pid_t gone = 0;
        for (int tenths = 0; tenths < 300 && gone == 0; tenths++) {
            gone = ::waitpid(child, &status, WNOHANG);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        ASSERT_EQ(gone, child) << "still alive 30 s after SIGKILL";
        EXPECT_TRUE(WIFSIGNALED(status));
    }
}

} // namespace
