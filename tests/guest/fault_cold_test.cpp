// SPDX-License-Identifier: MIT
// Without memory: compressing a buffer, and bringing it back.
#include "fault_mapping.hpp"

#include "support/cold.hpp"

#include <vector>

using support::Contents;
using support::PAGE;

namespace {

constexpr std::size_t PAGES = 12;

class FaultCold : public FaultMapping {
protected:
    void make_filled() {
        make_buffer(PAGES);
        for (std::size_t i = 0; i < PAGES; ++i)
            support::fill_page(Fault::map, i, contents(i), seed(i));
    }
    void make_cold() {
        make_filled();
        ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    }
    void expect_right() const {
        for (std::size_t i = 0; i < PAGES; ++i)
            EXPECT_TRUE(support::page_is(Fault::map, i, contents(i), seed(i))) << i;
    }
    static Contents contents(std::size_t i) {
        return i % 4 ? Contents::text : Contents::same;
    }
    static std::uint32_t seed(std::size_t i) {
        return static_cast<std::uint32_t>(i);
    }
};

// What cannot be compressed for want of memory stays as it is, and that is no
// error.
TEST_F(FaultCold, InAdvice) {
    survives({.before =
                  [&] {
                      make_filled();
                      // Whose pages would be in use.
                      support::drain_lru_batches();
                  },
              .call =
                  [&] {
                      drm_gpumem_madvise args{};
                      args.handle = bo.handle();
                      args.advice = GPUMEM_MADV_COLD;
                      return ioctl(DRM_IOCTL_GPUMEM_MADVISE, &args);
                  },
              .after =
                  [&] {
                      const auto info = bo.query();
                      EXPECT_EQ(info.cold_pages + info.resident_pages, PAGES);
                      expect_right();
                      drop_buffer();
                  },
              .errors = {},
              .untouched =
                  [&] { EXPECT_EQ(bo.query().cold_pages, PAGES); }});
}

TEST_F(FaultCold, InAPin) {
    for (const std::uint32_t flags : {0U, GPUMEM_PIN_LONGTERM + 0U}) {
        std::vector<std::uint32_t> handles;
        survives({.before =
                      [&] {
                          make_cold();
                          handles = {bo.handle()};
                      },
                  .call = [&] { return pin(handles, flags); },
                  .after =
                      [&] {
                          EXPECT_EQ(bo.query().cold_pages, 0U);
                          expect_right();
                          drop_buffer();
                      },
                  .failed =
                      [&] { EXPECT_EQ(bo.query().cold_pages, PAGES); }});
    }
    EXPECT_GE(failed_calls(), PAGES);
}

TEST_F(FaultCold, InATouch) {
    const Mapped cold{.pages = PAGES,
                      .before =
                          [this] {
                              make_cold();
                              return std::pair(
                                  device.fd(),
                                  offset_of(device.fd(), bo.handle()));
                          },
                      .after =
                          [this] {
                              expect_right();
                              drop_buffer();
                          }};
    survives_touch(cold, false);
}

} // namespace
