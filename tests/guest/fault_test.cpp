// SPDX-License-Identifier: MIT
// Without memory: ioctls that make a buffer and ask and say things of it.
#include "fault_trial.hpp"

#include "support/crumbs.hpp"
#include "support/modules.hpp"
#include "support/purge.hpp"

#include <drm/gpumem_drm.h>
#include <sys/ioctl.h>

#include <chrono>

using support::PAGE;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t PAGES = 16;

TEST_F(Fault, InCreate) {
    drm_gpumem_create args{};
    survives({.before =
                  [&] {
                      args = {};
                      args.size = PAGES * PAGE - 1;
                  },
              .call = [&] { return ioctl(DRM_IOCTL_GPUMEM_CREATE, &args); },
              .after = [&] { close_handle(device.fd(), args.handle); },
              .failed =
                  [&] {
                      EXPECT_EQ(args.handle, 0U);
                      EXPECT_EQ(args.size, PAGES * PAGE - 1);
                  }});
    EXPECT_GT(failed_calls(), 0U) << "slab allocations do not fail";
}

TEST_F(Fault, InMmapOffset) {
    make_buffer(PAGES);
    survives({.call = [&] {
        drm_gpumem_mmap_offset args{};
        args.handle = bo.handle();
        return ioctl(DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args);
    },
              .errors = {}});
}

TEST_F(Fault, InQuery) {
    make_buffer(PAGES, 1);
    survives({.call = [&] {
        drm_gpumem_query args{};
        args.handle = bo.handle();
        return ioctl(DRM_IOCTL_GPUMEM_QUERY, &args);
    },
              .errors = {}});
}

TEST_F(Fault, InStats) {
    survives({.call = [&] {
        drm_gpumem_stats args{};
        return ioctl(DRM_IOCTL_GPUMEM_STATS, &args);
    },
              .errors = {}});
}

TEST_F(Fault, InMadvise) {
    const auto madvise = [&](std::uint32_t advice) {
        drm_gpumem_madvise args{};
        args.handle = bo.handle();
        args.advice = advice;
        return ioctl(DRM_IOCTL_GPUMEM_MADVISE, &args);
    };
    // Not needed; needed and kept; needed after it was taken.
    struct Case {
        Contents contents;
        bool needed, purged;
    };
    for (const auto [contents, needed, purged] :
         {Case{Contents::resident, false, false},
          Case{Contents::resident, true, false},
          Case{Contents::resident, true, true},
          Case{Contents::cold, false, false}, Case{Contents::cold, true, false},
          Case{Contents::cold, true, true}})
        survives({.before =
                      [&] {
                          make_buffer(PAGES, contents);
                          if (needed) {
                              ASSERT_EQ(madvise(GPUMEM_MADV_DONTNEED), 0);
                          }
                          if (purged) {
                              ASSERT_TRUE(support::becomes_purged(bo));
                          }
                      },
                  .call =
                      [&] {
                          return madvise(needed ? GPUMEM_MADV_WILLNEED
                                                : GPUMEM_MADV_DONTNEED);
                      },
                  .after =
                      [&] {
                          EXPECT_EQ(bo.query().dontneed, needed ? 0U : 1U);
                          EXPECT_EQ(bo.query().purged, 0U);
                          EXPECT_EQ(bo.query().cold_pages,
                                    contents == Contents::cold && !purged
                                        ? PAGES
                                        : 0U);
                          EXPECT_TRUE(purged || is_intact());
                          drop_buffer();
                      },
                  .errors = {}});
}

// Without a place for a page it stays where it is, and that is no error: what it
// cannot do without was made by the first call.
TEST_F(Fault, InCompact) {
    drm_gpumem_compact args{};
    {
        support::Crumbs crumbs(device, 64);
        survives({.before =
                      [&] {
                          args = {};
                          args.pages = 4;
                          // Whose pages would be in use.
                          support::drain_lru_batches();
                      },
                  .call =
                      [&] { return ioctl(DRM_IOCTL_GPUMEM_COMPACT, &args); },
                  .errors = {},
                  .untouched = [&] { EXPECT_GT(args.pages_moved, 0U); },
                  // Each page that is held back takes one, thousands in a call.
                  .tried = 200});
        // With no time it holds few back and moves a page at most. Each call makes
        // another number of them.
        for (int round = 0; round < 200 && injected() < 20 && !HasFailure(); ++round)
            survives({.before =
                          [&] {
                              // Not where it only looks for pages, and takes none.
                              for (int i = 0;
                                   i < 10000 && !device.compact(4, 1ns).pages_moved; ++i)
                                  ;
                              args = {};
                              args.pages = 4;
                              args.time_ns = 1;
                          },
                      .call =
                          [&] { return ioctl(DRM_IOCTL_GPUMEM_COMPACT, &args); },
                      .errors = {},
                      .untouched = [&] { EXPECT_LE(args.pages_moved, 1U); }});
        EXPECT_GE(injected(), 20U);
        EXPECT_EQ(crumbs.first_wrong(), "");
    }
    // What is held back goes with the last page.
    for (int i = 0; i < 1000 && !device.compact(1000).done; ++i)
        ;
}

// The first one makes what all that follow use, until the helper goes.
class FaultFirstCompact : public Fault {};

TEST_F(FaultFirstCompact, AfterTheHelperWasLoaded) {
    survives({.before =
                  [&] {
                      device = gpumem::Device();
                      support::reload_gpumem();
                      device = gpumem::Device::open();
                  },
              .call =
                  [&] {
                      drm_gpumem_compact args{};
                      args.pages = 1;
                      return ioctl(DRM_IOCTL_GPUMEM_COMPACT, &args);
                  }});
    EXPECT_GT(failed_calls(), 0U);
    // The helper lies elsewhere now, and what it keeps has another trace.
    begin_account();
}

} // namespace
