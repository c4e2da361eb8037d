// SPDX-License-Identifier: MIT
// Who holds pins, and when they go.
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

int pin_handles(int fd, unsigned long request,
                const std::vector<std::uint32_t> &handles) {
    drm_gpumem_pin args{};
    args.handles = reinterpret_cast<std::uintptr_t>(handles.data());
    args.count = static_cast<std::uint32_t>(handles.size());
    return ::ioctl(fd, request, &args) ? errno : 0;
}

TEST(Pin, MakesEveryPageResident) {
    const Device device = Device::open();
    const Bo bo = device.create(64 * PAGE);
    EXPECT_EQ(bo.query().resident_pages, 0U);
    const gpumem::Pin pin = bo.pin();
    EXPECT_EQ(bo.query().resident_pages, 64U);
    EXPECT_EQ(bo.query().pins, 1U);
    EXPECT_EQ(bo.query().file_pins, 1U);
}

TEST(Pin, CountsAHandleThatStandsTwiceInTheArrayTwice) {
    const Device device = Device::open();
    const Bo bo = device.create(PAGE);
    const std::vector<std::uint32_t> twice{bo.handle(), bo.handle()};
    ASSERT_EQ(pin_handles(device.fd(), DRM_IOCTL_GPUMEM_PIN, twice), 0);
    EXPECT_EQ(bo.query().pins, 2U);
    ASSERT_EQ(pin_handles(device.fd(), DRM_IOCTL_GPUMEM_UNPIN, twice), 0);
    EXPECT_EQ(bo.query().pins, 0U);
}

TEST(Pin, OfManyIsAllOrNothing) {
    const Device device = Device::open();
    const Bo a = device.create(PAGE);
    const Bo b = device.create(PAGE);
    EXPECT_EQ(pin_handles(device.fd(), DRM_IOCTL_GPUMEM_PIN,
                          {a.handle(), b.handle(), 0xffff}),
              ENOENT);
    EXPECT_EQ(a.query().pins + b.query().pins, 0U);

    const gpumem::Pin pin = a.pin();
    EXPECT_EQ(pin_handles(device.fd(), DRM_IOCTL_GPUMEM_UNPIN,
                          {a.handle(), b.handle()}),
              EINVAL);
    EXPECT_EQ(a.query().pins, 1U);
    EXPECT_EQ(pin_handles(device.fd(), DRM_IOCTL_GPUMEM_UNPIN,
                          {a.handle(), a.handle()}),
              EINVAL);
    EXPECT_EQ(a.query().pins, 1U);
}

TEST(Pin, TakesFourThousandAndNinetySixInOneCall) {
    const Device device = Device::open();
    const Bo bo = device.create(PAGE);
    const std::vector<std::uint32_t> most(GPUMEM_PIN_MAX_HANDLES, bo.handle());
    ASSERT_EQ(pin_handles(device.fd(), DRM_IOCTL_GPUMEM_PIN, most), 0);
    EXPECT_EQ(bo.query().pins, GPUMEM_PIN_MAX_HANDLES);
    ASSERT_EQ(pin_handles(device.fd(), DRM_IOCTL_GPUMEM_UNPIN, most), 0);
}

TEST(Pin, GoesWithTheLastHandle) {
    const Device device = Device::open();
    const Device other = Device::open();
    const Bo bo = device.create(PAGE);
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    Bo shared = other.import_dmabuf(dmabuf.fd());
    ASSERT_EQ(gpumem_bo_pin(shared.get(), 0), 0);
    EXPECT_EQ(bo.query().pins, 1U);
    EXPECT_EQ(bo.query().file_pins, 0U);
    shared = Bo();
    EXPECT_EQ(bo.query().pins, 0U);
}

TEST(Pin, OfAMillionGoAtOnceWithTheHandle) {
    const Device device = Device::open();
    const Device other = Device::open();
    const Bo bo = device.create(PAGE);
    const Bo shared = other.import_dmabuf(bo.export_dmabuf().fd());
    const std::vector<std::uint32_t> most(GPUMEM_PIN_MAX_HANDLES,
                                          shared.handle());
    for (int i = 0; i < 256; ++i)
        ASSERT_EQ(pin_handles(other.fd(), DRM_IOCTL_GPUMEM_PIN, most), 0);
    ASSERT_EQ(bo.query().pins, 256U * GPUMEM_PIN_MAX_HANDLES);
    drm_gem_close args{};
    args.handle = shared.handle();
    ASSERT_EQ(::ioctl(other.fd(), DRM_IOCTL_GEM_CLOSE, &args), 0);
    EXPECT_EQ(bo.query().pins, 0U);
}

TEST(Pin, OfAnotherFileCannotBeUndone) {
    const Device device = Device::open();
    const Device other = Device::open();
    const Bo bo = device.create(PAGE);
    const gpumem::Pin pin = bo.pin();
    const Bo shared = other.import_dmabuf(bo.export_dmabuf().fd());
    EXPECT_EQ(pin_handles(other.fd(), DRM_IOCTL_GPUMEM_UNPIN, {shared.handle()}),
              EINVAL);
    EXPECT_EQ(bo.query().pins, 1U);
}

TEST(Pin, GoesWithAKilledProcess) {
    const Device device = Device::open();
    const Bo bo = device.create(16 * PAGE);
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const Device own = Device::open();
        const Bo shared = own.import_dmabuf(dmabuf.fd());
        const gpumem::Pin pin = shared.pin();
        const char byte = 1;
        if (::write(ready[1], &byte, 1) != 1)
            ::_exit(1);
        for (;;)
            ::pause();
    }
    ASSERT_GT(child, 0);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_EQ(bo.query().pins, 1U);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_EQ(bo.query().pins, 0U);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST(Pin, WithoutMemoryFailsAndKeepsNothing) {
    const Device device = Device::open();
    const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
    const Bo bo = device.create(pages * PAGE);
    EXPECT_EQ(gpumem_bo_pin(bo.get(), 0), -ENOMEM);
    EXPECT_EQ(bo.query().resident_pages, 0U);
    EXPECT_EQ(bo.query().pins, 0U);
}

} // namespace
