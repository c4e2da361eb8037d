// SPDX-License-Identifier: MIT
// Without memory: buffers that another device exported, imported by the driver.
#include "fault_mapping.hpp"

#include "support/kernel_config.hpp"

#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

#include <fcntl.h>

using gpumem::UniqueFd;
using support::PAGE;

namespace {

constexpr std::uint32_t PAGES = 16;

// A new dma-buf of PAGES pages of vgem, a DRM driver.
UniqueFd vgem_buffer(int vgem) {
    drm_mode_create_dumb dumb{};
    dumb.width = PAGE / 4;
    dumb.height = PAGES;
    dumb.bpp = 32;
    EXPECT_EQ(::ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb), 0);
    int fd = -1;
    EXPECT_EQ(
        drmPrimeHandleToFD(vgem, dumb.handle, DRM_CLOEXEC | DRM_RDWR, &fd), 0);
    drm_gem_close gone{};
    gone.handle = dumb.handle;
    EXPECT_EQ(::ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &gone), 0);
    return UniqueFd(fd);
}

// The same of udmabuf, which is no DRM driver.
UniqueFd udmabuf_buffer(int control) {
    const UniqueFd memory(
        ::memfd_create("udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    EXPECT_EQ(::ftruncate(memory.get(), PAGES * PAGE), 0);
    EXPECT_EQ(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
    udmabuf_create args{};
    args.memfd = static_cast<std::uint32_t>(memory.get());
    args.flags = UDMABUF_FLAGS_CLOEXEC;
    args.size = PAGES * PAGE;
    const int fd = ::ioctl(control, UDMABUF_CREATE, &args);
    EXPECT_GE(fd, 0);
    return UniqueFd(fd);
}

enum class From { vgem, udmabuf };

class FaultForeign : public FaultMapping,
                     public testing::WithParamInterface<From> {
protected:
    void SetUp() override {
        FaultMapping::SetUp();
        if (IsSkipped())
            return;
        if (GetParam() == From::vgem) {
            ASSERT_EQ(support::shell("modprobe vgem"), 0);
            exporter_.reset(support::open_drm("vgem", "card"));
        } else {
            exporter_.reset(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
            if (!exporter_ &&
                !support::is_configured("UDMABUF").value_or(false))
                GTEST_SKIP() << "this kernel has no udmabuf";
        }
        ASSERT_TRUE(exporter_);
    }

    void make() {
        theirs = GetParam() == From::vgem ? vgem_buffer(exporter_.get())
                                          : udmabuf_buffer(exporter_.get());
    }
    int import() {
        drm_prime_handle args{};
        args.fd = theirs.get();
        const int error = ioctl(DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
        if (!error)
            handle = args.handle;
        return error;
    }
    void make_imported() {
        make();
        EXPECT_EQ(import(), 0);
    }
    void drop() {
        close_handle(device.fd(), handle);
        theirs.reset();
    }

    UniqueFd theirs;
    std::uint32_t handle = 0;

private:
    UniqueFd exporter_;
};

TEST_P(FaultForeign, InImport) {
    survives({.before = [&] { make(); },
              .call = [&] { return import(); },
              .after = [&] { drop(); }});
    EXPECT_GT(failed_calls(), 0U);
}

TEST_P(FaultForeign, InImportOfWhatTheFileHas) {
    survives({.before = [&] { make_imported(); },
              .call = [&] { return import(); },
              .after = [&] { drop(); }});
}

TEST_P(FaultForeign, InExportOfAnImport) {
    int fd = -1;
    survives({.before = [&] { make_imported(); },
              .call = [&] { return export_as(handle, fd); },
              .after =
                  [&] {
                      ::close(fd);
                      drop();
                  }});
}

TEST_P(FaultForeign, InMmapAndFaults) {
    survives_being_mapped(
        {.pages = PAGES,
         .before =
             [&] {
                 make_imported();
                 return std::pair(device.fd(), offset_of(device.fd(), handle));
             },
         .after = [&] { drop(); }});
}

TEST_P(FaultForeign, InPinAndUnpin) {
    std::vector<std::uint32_t> handles;
    const auto call = [&](unsigned long request, std::uint32_t flags) {
        auto args = pin_args(handles, flags);
        return ioctl(request, &args);
    };
    for (const std::uint32_t flags : {0U, GPUMEM_PIN_LONGTERM + 0U}) {
        survives({.before =
                      [&] {
                          make_imported();
                          handles = {handle};
                      },
                  .call = [&] { return call(DRM_IOCTL_GPUMEM_PIN, flags); },
                  .after = [&] { drop(); }});
        survives({.before =
                      [&] {
                          make_imported();
                          handles = {handle};
                          ASSERT_EQ(call(DRM_IOCTL_GPUMEM_PIN, flags), 0);
                      },
                  .call = [&] { return call(DRM_IOCTL_GPUMEM_UNPIN, 0); },
                  .after = [&] { drop(); },
                  .errors = {}});
    }
}

TEST_P(FaultForeign, InCloseOfTheHandle) {
    survives({.before = [&] { make_imported(); },
              .call =
                  [&] {
                      drm_gem_close args{};
                      args.handle = handle;
                      return ioctl(DRM_IOCTL_GEM_CLOSE, &args);
                  },
              .after = [&] { theirs.reset(); },
              .errors = {}});
}

INSTANTIATE_TEST_SUITE_P(, FaultForeign,
                         testing::Values(From::vgem, From::udmabuf),
                         [](const auto &from) {
                             return from.param == From::vgem ? "vgem"
                                                             : "udmabuf";
                         });

} // namespace
