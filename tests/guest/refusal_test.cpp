// SPDX-License-Identifier: MIT
// Every input that an ioctl refuses, and that a refusal changes nothing.
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

class Refusal : public testing::Test {
protected:
    // The errno of the call, 0 if it was accepted.
    template <typename Args> int call(unsigned long request, Args &args) {
        const auto before = device.stats();
        const int error =
            ::ioctl(device.fd(), request, &args) ? errno : 0;
        const auto after = device.stats();
        EXPECT_EQ(before.objects, after.objects);
        EXPECT_EQ(before.pinned_objects, after.pinned_objects);
        EXPECT_EQ(before.resident_pages, after.resident_pages);
        return error;
    }

    int create(std::uint64_t size, std::uint32_t flags, std::uint32_t handle) {
        drm_gpumem_create args{};
        args.size = size;
        args.flags = flags;
        args.handle = handle;
        return call(DRM_IOCTL_GPUMEM_CREATE, args);
    }

    const Device device = Device::open();
    const Bo bo = device.create(PAGE);
};

TEST_F(Refusal, CreateOfNoOrOverflowingSize) {
    EXPECT_EQ(create(0, 0, 0), EINVAL);
    EXPECT_EQ(create(std::numeric_limits<std::uint64_t>::max(), 0, 0), EINVAL);
    EXPECT_EQ(create(std::numeric_limits<std::uint64_t>::max() - PAGE + 2, 0, 0),
              EINVAL);
}

TEST_F(Refusal, CreateOfMoreThanTheMachineHas) {
    EXPECT_EQ(create(std::uint64_t{1} << 50, 0, 0), ENOMEM);
    EXPECT_EQ(create(std::numeric_limits<std::uint64_t>::max() - PAGE + 1, 0, 0),
              ENOMEM);
}

TEST_F(Refusal, CreateWithUnknownFlagsOrAHandle) {
    for (unsigned bit = 0; bit < 32; ++bit)
        EXPECT_EQ(create(PAGE, 1U << bit, 0), EINVAL) << bit;
    EXPECT_EQ(create(PAGE, 0, 1), EINVAL);
}

TEST_F(Refusal, MmapOffsetWithFlagsOffsetOrBadHandle) {
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    for (unsigned bit = 0; bit < 32; ++bit) {
        args.flags = 1U << bit;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MMAP_OFFSET, args), EINVAL) << bit;
    }
    args.flags = 0;
    for (unsigned bit = 0; bit < 64; ++bit) {
        args.offset = std::uint64_t{1} << bit;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MMAP_OFFSET, args), EINVAL) << bit;
    }
    args.offset = 0;
    for (const std::uint32_t handle : {0U, 0x7fffU, 0xffffffffU}) {
        args.handle = handle;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MMAP_OFFSET, args), ENOENT);
    }
}

TEST_F(Refusal, PinAndUnpin) {
    for (const unsigned long request :
         {static_cast<unsigned long>(DRM_IOCTL_GPUMEM_PIN),
          static_cast<unsigned long>(DRM_IOCTL_GPUMEM_UNPIN)}) {
        std::uint32_t handle = bo.handle();
        drm_gpumem_pin good{};
        good.handles = reinterpret_cast<std::uintptr_t>(&handle);
        good.count = 1;

        drm_gpumem_pin args = good;
        for (unsigned bit = 0; bit < 32; ++bit) {
            if (request == DRM_IOCTL_GPUMEM_PIN &&
                (1U << bit) == GPUMEM_PIN_LONGTERM)
                continue;
            args.flags = 1U << bit;
            EXPECT_EQ(call(request, args), EINVAL) << bit;
        }
        args = good;
        args.count = 0;
        EXPECT_EQ(call(request, args), EINVAL);
        args = good;
        args.count = GPUMEM_PIN_MAX_HANDLES + 1;
        EXPECT_EQ(call(request, args), E2BIG);
        args.count = 0xffffffffU;
        EXPECT_EQ(call(request, args), E2BIG);
        args = good;
        args.handles = 0;
        EXPECT_EQ(call(request, args), EFAULT);
        args.handles = ~std::uint64_t{0} - 2;
        EXPECT_EQ(call(request, args), EFAULT);
        args = good;
        handle = 0x7fff;
        EXPECT_EQ(call(request, args), ENOENT);
    }
}

TEST_F(Refusal, PinAndUnpinOfAnArrayThatEndsInAnUnmappedPage) {
    auto *pages = static_cast<std::byte *>(
        ::mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(pages, MAP_FAILED);
    ASSERT_EQ(::munmap(pages + PAGE, PAGE), 0);
    const std::uint32_t handle = bo.handle();
    for (std::size_t at = PAGE - 2 * sizeof(handle); at < PAGE;
         at += sizeof(handle))
        std::memcpy(pages + at, &handle, sizeof(handle));
    drm_gpumem_pin args{};
    args.handles = reinterpret_cast<std::uintptr_t>(pages) + PAGE -
                   2 * sizeof(handle);
    args.count = 3;
    EXPECT_EQ(call(DRM_IOCTL_GPUMEM_PIN, args), EFAULT);
    EXPECT_EQ(bo.query().pins, 0U);
    args.count = 2;
    ASSERT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_PIN, &args), 0);
    args.count = 3;
    EXPECT_EQ(call(DRM_IOCTL_GPUMEM_UNPIN, args), EFAULT);
    EXPECT_EQ(bo.query().pins, 2U);
    args.count = 2;
    EXPECT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_UNPIN, &args), 0);
    ::munmap(pages, PAGE);
}

TEST_F(Refusal, UnpinWithoutPin) {
    const std::uint32_t handle = bo.handle();
    drm_gpumem_pin args{};
    args.handles = reinterpret_cast<std::uintptr_t>(&handle);
    args.count = 1;
    EXPECT_EQ(call(DRM_IOCTL_GPUMEM_UNPIN, args), EINVAL);
}

TEST_F(Refusal, MadviseWithAnythingUnknown) {
    drm_gpumem_madvise good{};
    good.handle = bo.handle();
    for (unsigned bit = 2; bit < 32; ++bit) {
        for (const std::uint32_t low : {0U, 1U, 2U, 3U}) {
            drm_gpumem_madvise args = good;
            args.advice = 1U << bit | low;
            EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MADVISE, args), EINVAL) << bit;
        }
    }
    drm_gpumem_madvise next = good;
    next.advice = GPUMEM_MADV_COLD + 1;
    EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MADVISE, next), EINVAL);
    for (unsigned bit = 0; bit < 32; ++bit) {
        drm_gpumem_madvise args = good;
        args.retained = 1U << bit;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MADVISE, args), EINVAL) << bit;
        args = good;
        args.pad = 1U << bit;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MADVISE, args), EINVAL) << bit;
    }
    for (const std::uint32_t handle : {0U, 0x7fffU, 0xffffffffU}) {
        drm_gpumem_madvise args = good;
        args.handle = handle;
        args.advice = GPUMEM_MADV_DONTNEED;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_MADVISE, args), ENOENT);
    }
    EXPECT_EQ(bo.query().dontneed, 0U);
}

TEST_F(Refusal, QueryWithAnythingButAHandle) {
    drm_gpumem_query good{};
    good.handle = bo.handle();
    // Every byte after the handle must be 0.
    for (std::size_t at = sizeof(good.handle); at < sizeof(good); ++at) {
        drm_gpumem_query args = good;
        reinterpret_cast<unsigned char *>(&args)[at] = 1;
        const drm_gpumem_query sent = args;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_QUERY, args), EINVAL) << at;
        EXPECT_EQ(std::memcmp(&args, &sent, sizeof(args)), 0) << at;
    }
    good.handle = 0x7fff;
    EXPECT_EQ(call(DRM_IOCTL_GPUMEM_QUERY, good), ENOENT);
}

TEST_F(Refusal, StatsWithAnyByteSet) {
    for (std::size_t at = 0; at < sizeof(drm_gpumem_stats); ++at) {
        drm_gpumem_stats args{};
        reinterpret_cast<unsigned char *>(&args)[at] = 1;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_STATS, args), EINVAL) << at;
    }
}

TEST_F(Refusal, CompactWithoutABudgetOrWithAnythingUnknown) {
    drm_gpumem_compact good{};
    good.pages = 1;
    for (const std::uint64_t pages :
         {std::uint64_t{0}, std::uint64_t{GPUMEM_COMPACT_MAX_PAGES} + 1,
          std::numeric_limits<std::uint64_t>::max()}) {
        drm_gpumem_compact args = good;
        args.pages = pages;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_COMPACT, args), EINVAL) << pages;
    }
    // Every byte after the budget must be 0.
    for (std::size_t at = offsetof(drm_gpumem_compact, flags);
         at < sizeof(good); ++at) {
        drm_gpumem_compact args = good;
        reinterpret_cast<unsigned char *>(&args)[at] = 0x80;
        const drm_gpumem_compact sent = args;
        EXPECT_EQ(call(DRM_IOCTL_GPUMEM_COMPACT, args), EINVAL) << at;
        EXPECT_EQ(std::memcmp(&args, &sent, sizeof(args)), 0) << at;
    }
    EXPECT_EQ(call(DRM_IOCTL_GPUMEM_COMPACT, good), 0);
}

// A time that ends after all others is as none.
TEST_F(Refusal, CompactTakesAnyTime) {
    // So large that a call whose time is over comes to its end in no ten calls.
    constexpr std::size_t size = 64 << 20;
    const Device other = Device::open();
    const gpumem::Bo large = other.create(size);
    const auto map = large.map();
    for (std::size_t at = 0; at < size; at += 4096)
        map.data()[at] = std::byte{1};
    for (const std::uint64_t time :
         {std::numeric_limits<std::uint64_t>::max(),
          std::uint64_t{std::numeric_limits<std::int64_t>::max()},
          std::uint64_t{std::numeric_limits<std::int64_t>::max()} + 1}) {
        bool done = false;
        for (int i = 0; i < 10 && !done; ++i) {
            drm_gpumem_compact args{};
            args.pages = GPUMEM_COMPACT_MAX_PAGES;
            args.time_ns = time;
            ASSERT_EQ(call(DRM_IOCTL_GPUMEM_COMPACT, args), 0) << time;
            done = args.done;
        }
        EXPECT_TRUE(done) << time;
    }
}

TEST_F(Refusal, HandleOfAnotherFile) {
    const Device other = Device::open();
    drm_gpumem_query args{};
    args.handle = bo.handle();
    errno = 0;
    EXPECT_EQ(::ioctl(other.fd(), DRM_IOCTL_GPUMEM_QUERY, &args), -1);
    EXPECT_EQ(errno, ENOENT);
}

TEST_F(Refusal, DumbBufferOnTheRenderNodeOrOfBadSize) {
    drm_mode_create_dumb args{};
    args.width = args.height = 16;
    args.bpp = 32;
    EXPECT_EQ(call(DRM_IOCTL_MODE_CREATE_DUMB, args), EACCES);

    const int card = support::open_drm("gpumem", "card");
    ASSERT_GE(card, 0);
    const auto objects = device.stats().objects;
    args.width = args.height = 0xffffffffU;
    EXPECT_EQ(::ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &args), -1);
    EXPECT_EQ(errno, EINVAL);
    args.width = 0;
    EXPECT_EQ(::ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &args), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(device.stats().objects, objects);
    ::close(card);
}

} // namespace
