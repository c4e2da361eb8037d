// SPDX-License-Identifier: MIT
// Pins of ordinary users count against RLIMIT_MEMLOCK.
#include "pin_limit.hpp"

#include "support/purge.hpp"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <csignal>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

TEST_F(PinLimit, IsReachedAndGivenBackByUnpinAndByClosing) {
    expect_as_nobody([](Device &device) {
        const Bo small = device.create(PAGE);
        Bo all = device.create(LIMIT * PAGE);
        CHECK(1, pin(device, {all.handle()}) == 0);
        CHECK(2, pin(device, {small.handle()}) == ENOMEM);
        CHECK(3, small.query().pins == 0 && small.query().resident_pages == 0);
        CHECK(4, unpin(device, {all.handle()}) == 0);
        CHECK(5, pin(device, {small.handle()}) == 0);
        CHECK(6, pin(device, {all.handle()}) == ENOMEM);
        CHECK(7, unpin(device, {small.handle()}) == 0);
        CHECK(8, pin(device, {all.handle()}) == 0);
        all = Bo();
        CHECK(9, pin(device, {small.handle()}) == 0);
        return 0;
    });
}

TEST_F(PinLimit, CountsABufferOnceHoweverOftenItIsPinned) {
    expect_as_nobody([](Device &device) {
        const Bo all = device.create(LIMIT * PAGE);
        const Bo small = device.create(PAGE);
        const std::uint32_t handle = all.handle();
        CHECK(1, pin(device, {handle, handle, handle}) == 0);
        CHECK(2, pin(device, {handle}) == 0);
        CHECK(3, unpin(device, {handle, handle, handle}) == 0);
        CHECK(4, pin(device, {small.handle()}) == ENOMEM);
        CHECK(5, unpin(device, {handle}) == 0);
        CHECK(6, pin(device, {small.handle()}) == 0);
        return 0;
    });
}

TEST_F(PinLimit, RefusesAnArrayAsAWhole) {
    expect_as_nobody([](Device &device) {
        const Bo half = device.create(LIMIT / 2 * PAGE);
        const Bo most = device.create((LIMIT / 2 + 1) * PAGE);
        CHECK(1, pin(device, {half.handle(), most.handle()}) == ENOMEM);
        CHECK(2, half.query().pins == 0 && half.query().resident_pages == 0);
        // A refusal for another reason gives back what it took.
        CHECK(3, pin(device, {half.handle(), 0x7fff}) == ENOENT);
        CHECK(4, unpin(device, {half.handle()}) == EINVAL);
        CHECK(5, pin(device, {most.handle()}) == 0);
        CHECK(6, unpin(device, {most.handle(), most.handle()}) == EINVAL);
        CHECK(7, pin(device, {half.handle()}) == ENOMEM);
        return 0;
    });
}

TEST_F(PinLimit, IsTheUsersOverAllFilesAndGoesWithAKilledProcess) {
    expect_as_nobody([](Device &device) {
        const Bo half = device.create(LIMIT / 2 * PAGE);
        CHECK(1, pin(device, {half.handle()}) == 0);
        const int status = support::in_child([] {
            const Device own = Device::open();
            const Bo bo = own.create(LIMIT / 2 * PAGE);
            const Bo more = own.create(PAGE);
            CHECK(1, pin(own, {bo.handle()}) == 0);
            CHECK(2, pin(own, {more.handle()}) == ENOMEM);
            ::raise(SIGKILL);
            return 3;
        });
        CHECK(2, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        const Bo other = device.create(LIMIT / 2 * PAGE);
        CHECK(3, pin(device, {other.handle()}) == 0);
        return 0;
    });
}

TEST_F(PinLimit, IsNotForTheSuperuser) {
    const int status = support::in_child([] {
        const rlimit limit{PAGE, PAGE};
        CHECK(1, ::setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
        const Device device = Device::open();
        const Bo bo = device.create(LIMIT * PAGE);
        CHECK(2, pin(device, {bo.handle()}) == 0);
        return 0;
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Root, who has all shrinkers give what they have until he is no longer needed.
class Shrinker {
public:
    Shrinker() = default;
    Shrinker(const Shrinker &) = delete;
    Shrinker &operator=(const Shrinker &) = delete;
    ~Shrinker() {
        ::kill(child_, SIGKILL);
        support::wait_for(child_);
    }

private:
    pid_t child_ = support::start_child([] {
        for (;;) {
            support::drain_lru_batches();
            support::shrink();
            ::usleep(1000);
        }
        return 0;
    });
};

// A buffer whose contents were taken is refused only after its pages were
// charged, and in an array after others were pinned.
TEST_F(PinLimit, AFailedPinGivesItsAccountBack) {
    const Shrinker shrinker;
    expect_as_nobody([](Device &device) {
        const Bo all = device.create(LIMIT * PAGE);
        const Bo half = device.create(LIMIT / 2 * PAGE);
        const Bo gone = device.create(LIMIT / 2 * PAGE);
        CHECK(1, pin(device, {gone.handle()}) == 0);
        CHECK(2, unpin(device, {gone.handle()}) == 0);
        gone.madvise(GPUMEM_BO_DONTNEED);
        for (int i = 0; i < 60000 && !gone.query().purged; ++i)
            ::usleep(1000);
        CHECK(9, gone.query().purged);
        for (int i = 0; i < 3; ++i) {
            CHECK(3, pin(device, {gone.handle()}) == ENODATA);
            CHECK(4, pin(device, {half.handle(), gone.handle()}) == ENODATA);
            CHECK(5, half.query().pins == 0);
            // The whole limit is there, and no more than that.
            CHECK(6, pin(device, {all.handle()}) == 0);
            CHECK(7, pin(device, {half.handle()}) == ENOMEM);
            CHECK(8, unpin(device, {all.handle()}) == 0);
        }
        return 0;
    });
}

TEST_F(PinLimit, IsOneAccountWithBuffersOfIoUring) {
    expect_as_nobody([](Device &device) {
        io_uring_params params{};
        const gpumem::UniqueFd ring(
            static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params)));
        CHECK(1, ring);
        // As huge pages they would count as a whole each.
        void *memory = ::mmap(nullptr, LIMIT / 2 * PAGE, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(2, memory != MAP_FAILED);
        CHECK(3, ::madvise(memory, LIMIT / 2 * PAGE, MADV_NOHUGEPAGE) == 0);
        const iovec buffer{memory, LIMIT / 2 * PAGE};
        CHECK(4, ::syscall(SYS_io_uring_register, ring.get(),
                           IORING_REGISTER_BUFFERS, &buffer, 1) == 0);
        const Bo half = device.create((LIMIT / 2 - 16) * PAGE);
        const Bo more = device.create((LIMIT / 2 + 1) * PAGE);
        CHECK(5, pin(device, {more.handle()}) == ENOMEM);
        CHECK(6, pin(device, {half.handle()}) == 0);
        return 0;
    });
}

} // namespace
