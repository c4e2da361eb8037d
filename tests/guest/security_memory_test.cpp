// SPDX-License-Identifier: MIT
// Memory that users have and memory that they get: how much bookkeeping, and
// what was in it before.
#include "security.hpp"

#include "support/memory_group.hpp"
#include "support/purge.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

// The kernel's memory for a buffer without pages is charged to who made it: it
// is all that an empty buffer takes, with either backing.
TEST_F(Security, AGroupFullOfEmptyBuffersIsBounded) {
    constexpr std::uint64_t limit = 32 << 20;
    // No buffer's bookkeeping is less.
    constexpr std::uint64_t most = limit / 512;
    void *memory =
        ::mmap(nullptr, sizeof(std::atomic<std::uint64_t>),
               PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto *made = new (memory) std::atomic<std::uint64_t>{0};
    const Device device = Device::open();
    const auto objects = device.stats().objects;
    const support::MemoryGroup group;
    group.limit(limit);
    const int status = support::in_child([&] {
        group.enter();
        become_nobody();
        const Device own = Device::open();
        while (*made <= most) {
            drm_gpumem_create args{};
            args.size = PAGE;
            if (::ioctl(own.fd(), DRM_IOCTL_GPUMEM_CREATE, &args))
                return errno == ENOMEM ? 0 : 1;
            ++*made;
        }
        return 2;
    });
    EXPECT_TRUE((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        << status;
    EXPECT_GT(*made, 0U);
    EXPECT_LE(*made, most);
    EXPECT_LE(group.peak(), limit + 64 * PAGE);
    // And all of it goes with the process.
    EXPECT_EQ(device.stats().objects, objects);
    ::munmap(memory, sizeof(*made));
}

bool is_zero(const Bo &bo) {
    const auto map = bo.map();
    return std::ranges::all_of(map.bytes(),
                               [](std::byte b) { return b == std::byte{0}; });
}

constexpr std::size_t SECRET_PAGES = 4096;

Bo secret_of(const Device &device) {
    Bo secret = device.create(SECRET_PAGES * PAGE);
    const auto map = secret.map();
    std::memset(map.data(), 0x5e, map.size());
    return secret;
}

// What another user gets of the memory that was the secret's; 0 if it is empty.
int look_for_it() {
    const Device own = Device::open();
    const Bo touched = own.create(SECRET_PAGES / 2 * PAGE);
    const Bo pinned = own.create(SECRET_PAGES / 4 * PAGE);
    const Bo kept = own.create(64 * PAGE);
    const gpumem::Pin pin = pinned.pin();
    const gpumem::Pin long_pin = kept.pin(gpumem::PinFor::long_time);
    return is_zero(touched) && is_zero(pinned) && is_zero(kept) ? 0 : 1;
}

TEST_F(Security, MemoryOfOthersIsNeverSeen) {
    // Freed with something in it; what comes next may get the same pages.
    secret_of(Device::open());
    expect_as_nobody(look_for_it);
}

// What was purged goes back to the kernel with what was in it.
TEST_F(Security, PurgedMemoryIsNeverSeen) {
    const Device device = Device::open();
    const Bo secret = secret_of(device);
    secret.madvise(GPUMEM_BO_DONTNEED);
    ASSERT_TRUE(support::becomes_purged(secret));
    expect_as_nobody(look_for_it);
    EXPECT_FALSE(secret.madvise(GPUMEM_BO_WILLNEED));
    EXPECT_TRUE(is_zero(secret)) << "its owner does not get it back either";
}

// Neither of a buffer of one's own: what was written ends with the purge.
TEST_F(Security, APurgedBufferThatIsPinnedAgainIsEmpty) {
    const Device device = Device::open();
    const Bo bo = device.create(256 * PAGE);
    for (const auto how : {gpumem::PinFor::now, gpumem::PinFor::long_time}) {
        {
            const auto map = bo.map();
            std::memset(map.data(), 0x5e, map.size());
        }
        bo.madvise(GPUMEM_BO_DONTNEED);
        ASSERT_TRUE(support::becomes_purged(bo));
        bo.madvise(GPUMEM_BO_WILLNEED);
        const gpumem::Pin pin = bo.pin(how);
        EXPECT_TRUE(is_zero(bo));
    }
}

} // namespace
