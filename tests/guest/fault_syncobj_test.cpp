// SPDX-License-Identifier: MIT
// Without memory: sync objects, which the driver has for those who share buffers.
#include "fault_trial.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <xf86drm.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <set>

using gpumem::UniqueFd;

namespace {

class FaultSyncobj : public Fault {
protected:
    // A handle of a new one.
    std::uint32_t create(bool signalled = false) const {
        drm_syncobj_create args{};
        args.flags = signalled ? DRM_SYNCOBJ_CREATE_SIGNALED : 0;
        EXPECT_EQ(ioctl(DRM_IOCTL_SYNCOBJ_CREATE, &args), 0);
        return args.handle;
    }
    int destroy(std::uint32_t which) const {
        drm_syncobj_destroy args{};
        args.handle = which;
        return ioctl(DRM_IOCTL_SYNCOBJ_DESTROY, &args);
    }
    int to_fd(std::uint32_t flags) {
        drm_syncobj_handle args{};
        args.handle = handle;
        args.flags = flags;
        const int error = ioctl(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);
        if (!error)
            fd.reset(args.fd);
        return error;
    }
    // An ioctl that takes an array of them.
    template <typename Args = drm_syncobj_array>
    int of_array(unsigned long request, Args args = {}) {
        args.handles = reinterpret_cast<std::uintptr_t>(&handle);
        args.count_handles = 1;
        return ioctl(request, &args);
    }
    int of_point(unsigned long request) {
        drm_syncobj_timeline_array args{};
        args.points = reinterpret_cast<std::uintptr_t>(&point);
        return of_array(request, args);
    }

    // @call with a sync object.
    void survives_with(bool signalled, const std::function<int()> &call,
                       const std::set<int> &errors = {ENOMEM}) {
        survives({.before = [&, signalled] { handle = create(signalled); },
                  .call = call,
                  .after =
                      [&] {
                          fd.reset();
                          EXPECT_EQ(destroy(handle), 0);
                      },
                  .errors = errors});
    }

    std::uint32_t handle = 0;
    std::uint64_t point = 1;
    UniqueFd fd;
};

TEST_F(FaultSyncobj, InCreate) {
    for (const bool signalled : {false, true}) {
        drm_syncobj_create args{};
        survives({.before =
                      [&] {
                          args = {};
                          args.flags =
                              signalled ? DRM_SYNCOBJ_CREATE_SIGNALED : 0;
                      },
                  .call = [&] { return ioctl(DRM_IOCTL_SYNCOBJ_CREATE, &args); },
                  .after = [&] { EXPECT_EQ(destroy(args.handle), 0); }});
    }
    EXPECT_GT(failed_calls(), 0U);
}

TEST_F(FaultSyncobj, InDestroy) {
    survives({.before = [&] { handle = create(); },
              .call = [&] { return destroy(handle); },
              .errors = {}});
}

TEST_F(FaultSyncobj, InExport) {
    survives_with(false, [&] { return to_fd(0); });
    // The DRM core says EINVAL if it cannot make a sync file.
    survives_with(
        true,
        [&] {
            return to_fd(DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
        },
        {ENOMEM, EINVAL});
}

TEST_F(FaultSyncobj, InImport) {
    std::uint32_t imported = 0;
    survives({.before =
                  [&] {
                      handle = create();
                      ASSERT_EQ(to_fd(0), 0);
                  },
              .call =
                  [&] {
                      drm_syncobj_handle args{};
                      args.fd = fd.get();
                      const int error =
                          ioctl(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);
                      imported = args.handle;
                      return error;
                  },
              .after =
                  [&] {
                      fd.reset();
                      EXPECT_EQ(destroy(imported), 0);
                      EXPECT_EQ(destroy(handle), 0);
                  }});
}

TEST_F(FaultSyncobj, InImportOfASyncFile) {
    survives({.before =
                  [&] {
                      handle = create(true);
                      ASSERT_EQ(
                          to_fd(DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE),
                          0);
                  },
              .call =
                  [&] {
                      drm_syncobj_handle args{};
                      args.handle = handle;
                      args.fd = fd.get();
                      args.flags =
                          DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
                      return ioctl(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);
                  },
              .after =
                  [&] {
                      fd.reset();
                      EXPECT_EQ(destroy(handle), 0);
                  }});
}

TEST_F(FaultSyncobj, InSignalAndReset) {
    survives_with(false,
                  [&] { return of_array(DRM_IOCTL_SYNCOBJ_SIGNAL); });
    survives_with(true, [&] { return of_array(DRM_IOCTL_SYNCOBJ_RESET); });
}

TEST_F(FaultSyncobj, InWait) {
    survives_with(true, [&] {
        return of_array(DRM_IOCTL_SYNCOBJ_WAIT, drm_syncobj_wait{});
    });
}

TEST_F(FaultSyncobj, InATimeline) {
    survives_with(false, [&] {
        return of_point(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL);
    });
    survives_with(false, [&] {
        std::uint64_t reached = 0;
        drm_syncobj_timeline_array args{};
        args.points = reinterpret_cast<std::uintptr_t>(&reached);
        return of_array(DRM_IOCTL_SYNCOBJ_QUERY, args);
    });
    survives_with(true, [&] {
        drm_syncobj_timeline_wait args{};
        std::uint64_t none = 0;
        args.points = reinterpret_cast<std::uintptr_t>(&none);
        return of_array(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, args);
    });
}

TEST_F(FaultSyncobj, InTransfer) {
    survives_with(true, [&] {
        drm_syncobj_transfer args{};
        args.src_handle = handle;
        args.dst_handle = handle;
        args.dst_point = point;
        return ioctl(DRM_IOCTL_SYNCOBJ_TRANSFER, &args);
    });
}

#ifdef DRM_IOCTL_SYNCOBJ_EVENTFD
// From 6.6 on.
TEST_F(FaultSyncobj, InAskingForAnEvent) {
    if (!support::kernel_is_at_least(6, 6))
        GTEST_SKIP() << "this kernel has no eventfd of a sync object";
    const UniqueFd event{::eventfd(0, EFD_CLOEXEC)};
    for (const bool signalled : {false, true})
        survives_with(signalled, [&] {
            drm_syncobj_eventfd args{};
            args.handle = handle;
            args.fd = event.get();
            return ioctl(DRM_IOCTL_SYNCOBJ_EVENTFD, &args);
        });
}
#endif

} // namespace
