// SPDX-License-Identifier: MIT
// Without memory: dumb buffers, which the primary node has.
#include "fault_mapping.hpp"

#include <xf86drm.h>

namespace {

// A page to a row.
constexpr std::uint32_t ROWS = 16;

class FaultDumb : public FaultMapping {
protected:
    void SetUp() override {
        FaultMapping::SetUp();
        if (!IsSkipped()) {
            ASSERT_TRUE(card);
        }
    }
    int create() {
        dumb = {};
        dumb.width = support::PAGE / 4;
        dumb.height = ROWS;
        dumb.bpp = 32;
        return ioctl(card.get(), DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
    }
    int destroy() {
        drm_mode_destroy_dumb args{};
        args.handle = dumb.handle;
        return ioctl(card.get(), DRM_IOCTL_MODE_DESTROY_DUMB, &args);
    }
    int ask_offset() {
        drm_mode_map_dumb args{};
        args.handle = dumb.handle;
        const int error = ioctl(card.get(), DRM_IOCTL_MODE_MAP_DUMB, &args);
        offset = static_cast<off_t>(args.offset);
        return error;
    }

    const gpumem::UniqueFd card{support::open_drm("gpumem", "card")};
    drm_mode_create_dumb dumb{};
    off_t offset = 0;
};

TEST_F(FaultDumb, InCreate) {
    survives({.call = [&] { return create(); },
              .after = [&] { EXPECT_EQ(destroy(), 0); }});
    EXPECT_GT(failed_calls(), 0U);
}

TEST_F(FaultDumb, InMapOffset) {
    survives({.before = [&] { ASSERT_EQ(create(), 0); },
              .call = [&] { return ask_offset(); },
              .after = [&] { EXPECT_EQ(destroy(), 0); },
              .errors = {}});
}

TEST_F(FaultDumb, InMmapAndFaults) {
    survives_being_mapped({.pages = ROWS,
                           .before =
                               [&] {
                                   EXPECT_EQ(create(), 0);
                                   EXPECT_EQ(ask_offset(), 0);
                                   return std::pair(card.get(), offset);
                               },
                           .after = [&] { EXPECT_EQ(destroy(), 0); }});
}

TEST_F(FaultDumb, InDestroy) {
    survives({.before = [&] { ASSERT_EQ(create(), 0); },
              .call = [&] { return destroy(); },
              .errors = {}});
}

} // namespace
