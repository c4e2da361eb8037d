// SPDX-License-Identifier: MIT
// Without memory: opening and closing files and handles.
#include "fault_trial.hpp"

#include <drm/gpumem_drm.h>
#include <sys/ioctl.h>
#include <xf86drm.h>

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <vector>

using gpumem::Device;
using support::PAGE;

namespace {

constexpr std::size_t PAGES = 16;

std::uint32_t create_handle(const Device &device) {
    drm_gpumem_create args{};
    args.size = PAGES * PAGE;
    EXPECT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_CREATE, &args), 0);
    return args.handle;
}

std::string path_of(const Device &device) {
    return std::filesystem::read_symlink("/proc/self/fd/" +
                                         std::to_string(device.fd()));
}

TEST_F(Fault, InClose) {
    std::uint32_t handle = 0;
    survives({.before =
                  [&] {
                      handle = create_handle(device);
                      auto handles = std::vector{handle};
                      auto args = pin_args(handles);
                      ASSERT_EQ(ioctl(DRM_IOCTL_GPUMEM_PIN, &args), 0);
                  },
              .call =
                  [&] {
                      drm_gem_close args{};
                      args.handle = handle;
                      return ioctl(DRM_IOCTL_GEM_CLOSE, &args);
                  },
              .errors = {}});
}

TEST_F(Fault, InOpen) {
    const std::string path = path_of(device);
    int fd = -1;
    survives({.call =
                  [&] {
                      fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
                      return fd < 0 ? errno : 0;
                  },
              .after = [&] { ::close(fd); }});
}

TEST_F(Fault, InCloseOfAFileWithPinnedBuffers) {
    const std::string path = path_of(device);
    int fd = -1;
    survives({.before =
                  [&] {
                      fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
                      const Device other = Device::from_fd(fd);
                      auto handles = std::vector{create_handle(other)};
                      auto args = pin_args(handles);
                      ASSERT_EQ(ioctl(fd, DRM_IOCTL_GPUMEM_PIN, &args), 0);
                  },
              .call = [&] { return ::close(fd) ? errno : 0; },
              .errors = {}});
}

} // namespace
