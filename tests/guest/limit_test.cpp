// SPDX-License-Identifier: MIT
// Pins of ordinary users count against RLIMIT_MEMLOCK.
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

constexpr std::size_t LIMIT = 256; // pages
constexpr uid_t NOBODY = 65534;

class PinLimit : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(support::shell("chmod a+rw /dev/dri/renderD*"), 0);
    }
    void TearDown() override {
        support::shell("chmod go-rw /dev/dri/renderD*");
    }

    // Runs @body as nobody, who may have LIMIT pages in place; the number that
    // it returns is expected to be 0.
    static void expect_as_nobody(const std::function<int(Device &)> &body) {
        const int status = support::in_child([&] {
            const rlimit limit{LIMIT * PAGE, LIMIT * PAGE};
            if (::setrlimit(RLIMIT_MEMLOCK, &limit) || ::setgid(NOBODY) ||
                ::setuid(NOBODY))
                return 100;
            Device device = Device::open();
            return body(device);
        });
        ASSERT_TRUE(WIFEXITED(status)) << status;
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }

    static int pin(const Device &device, unsigned long request,
                   const std::vector<std::uint32_t> &handles) {
        drm_gpumem_pin args{};
        args.handles = reinterpret_cast<std::uintptr_t>(handles.data());
        args.count = static_cast<std::uint32_t>(handles.size());
        return ::ioctl(device.fd(), request, &args) ? errno : 0;
    }
    static int pin(const Device &device,
                   const std::vector<std::uint32_t> &all) {
        return pin(device, DRM_IOCTL_GPUMEM_PIN, all);
    }
    static int unpin(const Device &device,
                     const std::vector<std::uint32_t> &all) {
        return pin(device, DRM_IOCTL_GPUMEM_UNPIN, all);
    }
};

#define CHECK(number, condition)                                               \
    if (!(condition))                                                          \
    return number

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

} // namespace
