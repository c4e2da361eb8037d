// SPDX-License-Identifier: MIT
// Without memory: names of buffers (flink), which the primary node has.
#include "fault_trial.hpp"

#include <drm/gpumem_drm.h>
#include <xf86drm.h>

using gpumem::UniqueFd;
using support::PAGE;

namespace {

class FaultName : public Fault {
protected:
    void SetUp() override {
        Fault::SetUp();
        if (!IsSkipped()) {
            ASSERT_TRUE(card && other);
        }
    }
    void create() {
        drm_gpumem_create args{};
        args.size = 4 * PAGE;
        ASSERT_EQ(ioctl(card.get(), DRM_IOCTL_GPUMEM_CREATE, &args), 0);
        named = {.handle = args.handle, .name = 0};
    }
    int give_name() { return ioctl(card.get(), DRM_IOCTL_GEM_FLINK, &named); }
    int open_name(drm_gem_open &args) const {
        args = {};
        args.name = named.name;
        return ioctl(other.get(), DRM_IOCTL_GEM_OPEN, &args);
    }

    const UniqueFd card{support::open_drm("gpumem", "card")};
    const UniqueFd other{support::open_drm("gpumem", "card")};
    drm_gem_flink named{};
};

TEST_F(FaultName, InGivingOne) {
    survives({.before = [&] { create(); },
              .call = [&] { return give_name(); },
              .after = [&] { close_handle(card.get(), named.handle); }});
    EXPECT_GT(failed_calls(), 0U);
}

TEST_F(FaultName, InOpeningWhatHasOne) {
    drm_gem_open opened{};
    survives({.before =
                  [&] {
                      create();
                      ASSERT_EQ(give_name(), 0);
                  },
              .call = [&] { return open_name(opened); },
              .after =
                  [&] {
                      close_handle(other.get(), opened.handle);
                      close_handle(card.get(), named.handle);
                  }});
    EXPECT_GT(failed_calls(), 0U);
}

// The name goes with the last handle.
TEST_F(FaultName, InTheLastClose) {
    survives({.before =
                  [&] {
                      create();
                      ASSERT_EQ(give_name(), 0);
                  },
              .call =
                  [&] {
                      drm_gem_close args{};
                      args.handle = named.handle;
                      return ioctl(card.get(), DRM_IOCTL_GEM_CLOSE, &args);
                  },
              .after =
                  [&] {
                      drm_gem_open gone{};
                      EXPECT_EQ(open_name(gone), ENOENT);
                  },
              .errors = {}});
}

} // namespace
