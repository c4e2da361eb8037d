// SPDX-License-Identifier: MIT
// Memory that users have and memory that they get: how much bookkeeping, and
// what was in it before.
#include "security.hpp"

#include "support/debugfs.hpp"
#include "support/memory_group.hpp"
#include "support/purge.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <new>
#include <set>
#include <stdexcept>
#include <vector>

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
    return std::ranges::all_of(map.as<std::uint64_t>(),
                               [](std::uint64_t word) { return !word; });
}

// What a CPU frees it keeps at hand for whoever allocates next on it.
class OnOneCpu {
public:
    OnOneCpu() {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(::sched_getcpu(), &one);
        if (::sched_getaffinity(0, sizeof(before_), &before_) ||
            ::sched_setaffinity(0, sizeof(one), &one))
            throw std::runtime_error("cannot stay on a CPU");
    }
    OnOneCpu(const OnOneCpu &) = delete;
    OnOneCpu &operator=(const OnOneCpu &) = delete;
    ~OnOneCpu() { ::sched_setaffinity(0, sizeof(before_), &before_); }

private:
    cpu_set_t before_{};
};

using Frames = std::set<std::uint64_t>;

// Of the buffer that was made last.
Frames newest_frames() {
    const auto all = support::page_frames(support::object_ids().back());
    return {all.begin(), all.end()};
}

void put_secret_into(const Bo &bo) {
    const auto map = bo.map();
    std::memset(map.data(), 0x5e, map.size());
}

// Memory for a long pin and for all else come from different page blocks.
struct Secret {
    Bo touched, kept;
    Frames frames;
};

Secret secret_of(const Device &device) {
    Secret secret;
    secret.touched = device.create(4096 * PAGE);
    put_secret_into(secret.touched);
    secret.frames = newest_frames();
    secret.kept = device.create(1024 * PAGE);
    { const gpumem::Pin pin = secret.kept.pin(gpumem::PinFor::long_time); }
    put_secret_into(secret.kept);
    secret.frames.merge(newest_frames());
    return secret;
}

// What another user gets of the memory that was the secret's, by each way in which
// a page becomes a buffer's: more and more, until some of it has come. 0 if it is
// empty.
int look_for_it(const Frames &secret) {
    constexpr std::size_t pages = 128;
    constexpr int most = 64; // of three buffers each, 96 MiB
    const Device own = Device::open();
    std::vector<Bo> got;
    bool came[3] = {};
    for (int round = 0; round < most && !std::ranges::all_of(came, std::identity());
         ++round)
        for (int way = 0; way < 3; ++way) {
            got.push_back(own.create(pages * PAGE));
            if (way)
                (void)got.back().pin(way == 1 ? gpumem::PinFor::now
                                              : gpumem::PinFor::long_time);
            if (!is_zero(got.back()))
                return 1;
            // As root for a moment, who alone sees frames.
            if (::seteuid(0))
                return 2;
            const Frames frames = newest_frames();
            if (::seteuid(Security::NOBODY))
                return 2;
            came[way] |= std::ranges::any_of(
                frames, [&](std::uint64_t frame) { return secret.contains(frame); });
        }
    for (int way = 0; way < 3; ++way)
        if (!came[way])
            return 3 + way; // then nothing was shown
    return 0;
}

// Nobody, but may become root again.
int look_for_it_as_nobody(const Frames &secret) {
    return support::in_child([&] {
        if (::setgroups(0, nullptr) ||
            ::setresuid(Security::NOBODY, Security::NOBODY, 0))
            return 2;
        return look_for_it(secret);
    });
}

TEST_F(Security, MemoryOfOthersIsNeverSeen) {
    const OnOneCpu here;
    // Freed with something in it; what comes next may get the same pages.
    const Frames secret = secret_of(Device::open()).frames;
    const int status = look_for_it_as_nobody(secret);
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// What was purged goes back to the kernel with what was in it.
TEST_F(Security, PurgedMemoryIsNeverSeen) {
    const OnOneCpu here;
    const Device device = Device::open();
    const Secret secret = secret_of(device);
    for (const Bo *bo : {&secret.touched, &secret.kept}) {
        bo->madvise(GPUMEM_BO_DONTNEED);
        ASSERT_TRUE(support::becomes_purged(*bo));
    }
    const int status = look_for_it_as_nobody(secret.frames);
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    for (const Bo *bo : {&secret.touched, &secret.kept}) {
        EXPECT_FALSE(bo->madvise(GPUMEM_BO_WILLNEED));
        EXPECT_TRUE(is_zero(*bo)) << "its owner does not get it back either";
    }
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
