// SPDX-License-Identifier: MIT
// What programs do to their mappings at the same time as the kernel moves the
// pages below them. Compaction does not stop meanwhile, and each test goes on until
// pages did move during the operation that it is about.
#include "support/compactor.hpp"
#include "support/crumbs.hpp"
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cstring>
#include <functional>

using gpumem::Device;
using support::Compactor;
using support::Crumbs;
using support::PAGE;
using Buffer = support::Crumbs::Buffer;

namespace {

constexpr int ROUNDS = 12;
constexpr int PASSES = 100;

class Overlap : public testing::Test {
protected:
    // Does @body to every buffer that is left, in fresh crumbs each round, until
    // pages moved meanwhile. @body says whether all was right.
    void until_pages_move(const std::function<bool(Buffer &)> &body) {
        std::uint64_t moved = 0;
        for (int round = 0; round < ROUNDS && moved < 100; ++round) {
            Crumbs crumbs(device, 160);
            const auto before = device.stats().moved;
            {
                // Not before: it would be done before the operations begin.
                const Compactor compactor;
                for (int pass = 0; pass < PASSES && moved < 100; ++pass) {
                    for (Buffer &buffer : crumbs.kept())
                        ASSERT_TRUE(body(buffer)) << "buffer " << buffer.number;
                    moved = device.stats().moved - before;
                }
            }
            ASSERT_EQ(crumbs.first_wrong(), "");
        }
        EXPECT_GE(moved, 100U) << "no pages moved during the operations";
    }

    std::byte *map(const Buffer &buffer) const {
        drm_gpumem_mmap_offset args{};
        args.handle = buffer.bo.handle();
        if (::ioctl(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args))
            return nullptr;
        void *addr = ::mmap(nullptr, buffer.bo.size(), PROT_READ | PROT_WRITE,
                            MAP_SHARED, device.fd(),
                            static_cast<off_t>(args.offset));
        return addr == MAP_FAILED ? nullptr : static_cast<std::byte *>(addr);
    }

    const Device device = Device::open();
};

bool same(const std::byte *map, const Buffer &buffer, std::size_t first,
          std::size_t pages) {
    return std::memcmp(map, buffer.map.data() + first * PAGE, pages * PAGE) == 0;
}

TEST_F(Overlap, Fork) {
    until_pages_move([](Buffer &buffer) {
        // The child reads all and writes a word per page; both see it.
        const int status = support::in_child([&] {
            for (std::size_t at = 0; at < buffer.map.size(); at += PAGE) {
                const std::byte old = buffer.map.data()[at];
                buffer.map.data()[at] = ~old;
                if (buffer.map.data()[at] != ~old)
                    return 1;
                buffer.map.data()[at] = old;
            }
            return 0;
        });
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    });
}

TEST_F(Overlap, MapAndUnmap) {
    until_pages_move([this](Buffer &buffer) {
        for (int i = 0; i < 4; ++i) {
            std::byte *second = map(buffer);
            if (!second || !same(second, buffer, 0, buffer.map.size() / PAGE))
                return false;
            ::munmap(second, buffer.map.size());
        }
        return true;
    });
}

TEST_F(Overlap, MremapAndPartialMunmap) {
    until_pages_move([this](Buffer &buffer) {
        const std::size_t pages = buffer.map.size() / PAGE;
        const std::size_t half = pages / 2;
        std::byte *low = map(buffer);
        void *place = ::mmap(nullptr, half * PAGE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (!low || place == MAP_FAILED)
            return false;
        // The upper half moves elsewhere and back, with a hole below it.
        bool right = ::munmap(low + 16 * PAGE, 16 * PAGE) == 0;
        std::byte *high = low + half * PAGE;
        auto *moved = static_cast<std::byte *>(
            ::mremap(high, half * PAGE, half * PAGE,
                     MREMAP_MAYMOVE | MREMAP_FIXED, place));
        right = right && moved == place && same(moved, buffer, half, half);
        right = right && ::mremap(moved, half * PAGE, half * PAGE,
                                  MREMAP_MAYMOVE | MREMAP_FIXED, high) == high;
        right = right && same(high, buffer, half, half) &&
                same(low, buffer, 0, 16) &&
                same(low + 32 * PAGE, buffer, 32, half - 32);
        ::munmap(low, buffer.map.size());
        return right;
    });
}

TEST_F(Overlap, ProtectAndDropPageTables) {
    // The kernel drops no entries of PFN mappings on request.
    const int dropped =
        device.stats().backing == GPUMEM_BACKING_KIND_MOPS ? -1 : 0;
    until_pages_move([dropped](Buffer &buffer) {
        std::byte *map = buffer.map.data();
        const std::size_t size = buffer.map.size();
        const std::byte first = map[0];
        bool right = ::mprotect(map, size, PROT_READ) == 0 && map[0] == first;
        right = right && ::mprotect(map, size, PROT_READ | PROT_WRITE) == 0;
        // Only this process's page table entries go; the buffer keeps its pages.
        right = right && ::madvise(map, size, MADV_DONTNEED) == dropped;
        return right && map[0] == first;
    });
}

TEST_F(Overlap, PinAndUnpin) {
    until_pages_move([](Buffer &buffer) {
        for (int i = 0; i < 8; ++i)
            const gpumem::Pin pin = buffer.bo.pin();
        return true;
    });
}

} // namespace
