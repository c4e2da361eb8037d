// SPDX-License-Identifier: MIT
// What calls take and tell: other files' handles, numbers that overflow, and no
// address of the kernel.
#include "security.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xf86drm.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

using gpumem::Bo;
using gpumem::Device;
using gpumem::UniqueFd;
using support::PAGE;

namespace {

template <typename Args> int call(int fd, unsigned long request, Args &args) {
    return ::ioctl(fd, request, &args) ? errno : 0;
}

// Of each call of the driver that takes a handle, and of GEM's and PRIME's.
TEST_F(Security, HandlesOfAnotherFileAreRefusedByEveryCall) {
    const Device device = Device::open();
    std::array<Bo, 8> bos;
    for (Bo &bo : bos)
        bo = device.create(PAGE);
    expect_as_nobody([&] {
        const Device own = Device::open();
        for (const Bo &bo : bos) {
            std::uint32_t handle = bo.handle();
            drm_gpumem_mmap_offset offset{};
            offset.handle = handle;
            drm_gpumem_pin pin{};
            pin.handles = reinterpret_cast<std::uintptr_t>(&handle);
            pin.count = 1;
            drm_gpumem_pin long_pin = pin;
            long_pin.flags = GPUMEM_PIN_LONGTERM;
            drm_gpumem_query query{};
            query.handle = handle;
            drm_gpumem_madvise madvise{};
            madvise.handle = handle;
            drm_gem_close close{};
            close.handle = handle;
            drm_prime_handle prime{};
            prime.handle = handle;
            const int fd = own.fd();
            if (call(fd, DRM_IOCTL_GPUMEM_MMAP_OFFSET, offset) != ENOENT)
                return 1;
            if (call(fd, DRM_IOCTL_GPUMEM_PIN, pin) != ENOENT ||
                call(fd, DRM_IOCTL_GPUMEM_PIN, long_pin) != ENOENT ||
                call(fd, DRM_IOCTL_GPUMEM_UNPIN, pin) != ENOENT)
                return 2;
            if (call(fd, DRM_IOCTL_GPUMEM_QUERY, query) != ENOENT)
                return 3;
            for (const unsigned advice : {GPUMEM_BO_WILLNEED, GPUMEM_BO_DONTNEED,
                                          GPUMEM_BO_COLD}) {
                madvise.advice = advice;
                if (call(fd, DRM_IOCTL_GPUMEM_MADVISE, madvise) != ENOENT)
                    return 4;
            }
            if (call(fd, DRM_IOCTL_GEM_CLOSE, close) != EINVAL)
                return 5;
            if (call(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, prime) != ENOENT)
                return 6;
        }
        return 0;
    });
    for (const Bo &bo : bos)
        EXPECT_EQ(bo.query().pins, 0U);
}

// A name is a small number that anybody can guess; so only the primary node has
// names, and only for who is its master or was authenticated by it, or is root.
TEST_F(Security, ANameIsNothingToWhoIsNotAuthenticated) {
    ASSERT_EQ(support::shell("chmod a+rw /dev/dri/card*"), 0);
    // The first one is the master.
    const UniqueFd master(support::open_drm("gpumem", "card"));
    const UniqueFd other(support::open_drm("gpumem", "card"));
    ASSERT_TRUE(master && other);
    drm_gpumem_create created{};
    created.size = PAGE;
    ASSERT_EQ(call(master.get(), DRM_IOCTL_GPUMEM_CREATE, created), 0);
    drm_gem_flink named{};
    named.handle = created.handle;
    ASSERT_EQ(call(master.get(), DRM_IOCTL_GEM_FLINK, named), 0);
    expect_as_nobody([&] {
        for (const char *node : {"renderD", "card"}) {
            const UniqueFd own(support::open_drm("gpumem", node));
            if (!own)
                return 1;
            drm_gem_open opened{};
            opened.name = named.name;
            if (call(own.get(), DRM_IOCTL_GEM_OPEN, opened) != EACCES ||
                opened.handle || opened.size)
                return 2;
            // Nor may they name what is theirs.
            drm_gpumem_create mine{};
            mine.size = PAGE;
            if (call(own.get(), DRM_IOCTL_GPUMEM_CREATE, mine))
                return 3;
            drm_gem_flink name{};
            name.handle = mine.handle;
            if (call(own.get(), DRM_IOCTL_GEM_FLINK, name) != EACCES)
                return 4;
        }
        return 0;
    });
    support::shell("chmod go-rw /dev/dri/card*");
    drm_gem_open opened{};
    opened.name = named.name;
    EXPECT_EQ(call(other.get(), DRM_IOCTL_GEM_OPEN, opened), 0);
    EXPECT_EQ(opened.size, PAGE);
}

TEST_F(Security, AUserSeesTheTotalsOfOthersAndNoMore) {
    const Device device = Device::open();
    const Bo bo = device.create(64 * PAGE);
    const gpumem::Pin pin = bo.pin();
    const auto seen = device.stats();
    expect_as_nobody([&] {
        const Device own = Device::open();
        const auto stats = own.stats();
        return stats.objects == seen.objects && stats.bytes == seen.bytes &&
                       stats.resident_pages == seen.resident_pages &&
                       stats.pinned_objects == seen.pinned_objects
                   ? 0
                   : 1;
    });
    EXPECT_GE(seen.objects, 1U);
}

template <typename Args> bool tells_an_address(const Args &args) {
    std::array<std::uint64_t, sizeof(Args) / sizeof(std::uint64_t)> words{};
    std::memcpy(words.data(), &args, sizeof(words));
    // Half of all addresses are the kernel's.
    for (const std::uint64_t word : words)
        if (word >> 63)
            return true;
    return false;
}

// It takes time from everybody whose pages move.
TEST_F(Security, AUserMayNotCompact) {
    expect_as_nobody([] {
        const Device device = Device::open();
        drm_gpumem_compact args{};
        args.pages = 1;
        if (call(device.fd(), DRM_IOCTL_GPUMEM_COMPACT, args) != EACCES)
            return 1;
        return args.pages_moved || args.done ? 2 : 0;
    });
    drm_gpumem_compact args{};
    args.pages = 1;
    const Device device = Device::open();
    EXPECT_EQ(call(device.fd(), DRM_IOCTL_GPUMEM_COMPACT, args), 0);
    EXPECT_FALSE(tells_an_address(args));
}

TEST_F(Security, NoAnswerHoldsAnAddressOfTheKernel) {
    expect_as_nobody([] {
        const Device device = Device::open();
        drm_gpumem_create create{};
        create.size = 4 * PAGE;
        if (call(device.fd(), DRM_IOCTL_GPUMEM_CREATE, create) ||
            tells_an_address(create))
            return 1;
        drm_gpumem_mmap_offset offset{};
        offset.handle = create.handle;
        if (call(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, offset) ||
            tells_an_address(offset))
            return 2;
        drm_gpumem_pin pin{};
        pin.handles = reinterpret_cast<std::uintptr_t>(&create.handle);
        pin.count = 1;
        if (call(device.fd(), DRM_IOCTL_GPUMEM_PIN, pin) ||
            tells_an_address(pin))
            return 3;
        drm_gpumem_query query{};
        query.handle = create.handle;
        if (call(device.fd(), DRM_IOCTL_GPUMEM_QUERY, query) ||
            tells_an_address(query))
            return 4;
        drm_gpumem_stats stats{};
        if (call(device.fd(), DRM_IOCTL_GPUMEM_STATS, stats) ||
            tells_an_address(stats))
            return 5;
        drm_gpumem_madvise madvise{};
        madvise.handle = create.handle;
        if (call(device.fd(), DRM_IOCTL_GPUMEM_MADVISE, madvise) ||
            tells_an_address(madvise))
            return 6;
        return 0;
    });
}

TEST_F(Security, ADumbBufferWhoseSizeOverflowsIsRefused) {
    const UniqueFd card(support::open_drm("gpumem", "card"));
    ASSERT_TRUE(card);
    const Device device = Device::open();
    const auto before = device.stats();
    constexpr auto MAX = std::numeric_limits<std::uint32_t>::max();
    struct Case {
        std::uint32_t width, height, bpp;
        int error;
    };
    for (const auto [width, height, bpp, error] :
         {Case{MAX, 1, 32, EINVAL}, Case{1, MAX, 32, EINVAL},
          Case{1, 1, MAX, EINVAL}, Case{MAX, MAX, MAX, EINVAL},
          Case{1U << 29, 1, 64, EINVAL}, Case{1U << 16, 1U << 16, 8, EINVAL},
          Case{1, 1U << 30, 32, EINVAL}, Case{0, 1, 32, EINVAL},
          Case{1, 0, 32, EINVAL}, Case{1, 1, 0, EINVAL}}) {
        drm_mode_create_dumb args{};
        args.width = width;
        args.height = height;
        args.bpp = bpp;
        EXPECT_EQ(call(card.get(), DRM_IOCTL_MODE_CREATE_DUMB, args), error)
            << width << " x " << height << " x " << bpp;
    }
    EXPECT_EQ(device.stats().objects, before.objects);
    EXPECT_EQ(device.stats().bytes, before.bytes);
}

// Offset and length that add up to less than either.
TEST_F(Security, AMappingWhoseEndOverflowsIsRefused) {
    const Device device = Device::open();
    const Bo bo = device.create(4 * PAGE);
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    ASSERT_EQ(call(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, args), 0);
    const auto is_refused = [](int fd, std::uint64_t offset, std::size_t size) {
        void *map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd,
                           static_cast<off_t>(offset));
        if (map != MAP_FAILED)
            ::munmap(map, size);
        return map == MAP_FAILED;
    };
    EXPECT_FALSE(is_refused(device.fd(), args.offset, 4 * PAGE));
    EXPECT_FALSE(is_refused(dmabuf.fd(), 0, 4 * PAGE));
    for (const std::uint64_t last :
         {~std::uint64_t{0}, ~std::uint64_t{0} >> 1, std::uint64_t{1} << 44}) {
        const std::uint64_t offset = last & ~std::uint64_t{PAGE - 1};
        for (const std::size_t pages : {1U, 2U, 4U}) {
            EXPECT_TRUE(is_refused(device.fd(), offset, pages * PAGE));
            EXPECT_TRUE(is_refused(dmabuf.fd(), offset, pages * PAGE));
            EXPECT_TRUE(
                is_refused(device.fd(), args.offset + offset, pages * PAGE));
        }
    }
    for (const std::size_t page : {1U, 3U, 4U})
        EXPECT_TRUE(is_refused(dmabuf.fd(), page * PAGE, 4 * PAGE)) << page;
}

} // namespace
