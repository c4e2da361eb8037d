// SPDX-License-Identifier: MIT
// Ordinary users who pin against RLIMIT_MEMLOCK.
#pragma once

#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <vector>

class PinLimit : public testing::Test {
protected:
    static constexpr std::size_t LIMIT = 256; // pages
    static constexpr uid_t NOBODY = 65534;

    void SetUp() override {
        ASSERT_EQ(support::shell("chmod a+rw /dev/dri/renderD*"), 0);
    }
    void TearDown() override {
        support::shell("chmod go-rw /dev/dri/renderD*");
    }

    // Becomes a user who may have LIMIT pages in place; 0 or an errno.
    static int become(uid_t user) {
        const rlimit limit{LIMIT * support::PAGE, LIMIT * support::PAGE};
        return ::setrlimit(RLIMIT_MEMLOCK, &limit) || ::setgid(user) ||
                       ::setuid(user)
                   ? errno
                   : 0;
    }
    // Runs @body as nobody; the number that it returns is expected to be 0.
    static void
    expect_as_nobody(const std::function<int(gpumem::Device &)> &body) {
        const int status = support::in_child([&] {
            if (become(NOBODY))
                return 100;
            gpumem::Device device = gpumem::Device::open();
            return body(device);
        });
        ASSERT_TRUE(WIFEXITED(status)) << status;
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }

    static int pin(const gpumem::Device &device, unsigned long request,
                   const std::vector<std::uint32_t> &handles) {
        drm_gpumem_pin args{};
        args.handles = reinterpret_cast<std::uintptr_t>(handles.data());
        args.count = static_cast<std::uint32_t>(handles.size());
        return ::ioctl(device.fd(), request, &args) ? errno : 0;
    }
    static int pin(const gpumem::Device &device,
                   const std::vector<std::uint32_t> &all) {
        return pin(device, DRM_IOCTL_GPUMEM_PIN, all);
    }
    static int unpin(const gpumem::Device &device,
                     const std::vector<std::uint32_t> &all) {
        return pin(device, DRM_IOCTL_GPUMEM_UNPIN, all);
    }
};

// In a child, which says by its status what did not hold.
#define CHECK(number, condition)                                               \
    if (!(condition))                                                          \
    return number
