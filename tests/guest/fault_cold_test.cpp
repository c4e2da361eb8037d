// SPDX-License-Identifier: MIT
// Without memory: compressing a buffer, and bringing it back. What else is done to
// a cold buffer is tried where it is tried with others.
#include "fault_mapping.hpp"

#include "support/cold.hpp"
#include "support/test_importer.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

using Page = support::Contents;
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
    static Page contents(std::size_t i) {
        return i % 4 ? Page::text : Page::same;
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
                      }});
    }
    EXPECT_GE(failed_calls(), PAGES);
}

// Of the device's mapping and of the dma-buf's.
TEST_F(FaultCold, InATouch) {
    gpumem::DmaBuf dmabuf;
    const auto after = [&] {
        expect_right();
        dmabuf = {};
        drop_buffer();
    };
    survives_touch({.pages = PAGES,
                    .before =
                        [&] {
                            make_cold();
                            return std::pair(
                                device.fd(),
                                offset_of(device.fd(), bo.handle()));
                        },
                    .after = after},
                   false);
    survives_touch({.pages = PAGES,
                    .before =
                        [&] {
                            make_cold();
                            dmabuf = bo.export_dmabuf();
                            return std::pair(dmabuf.fd(), off_t{0});
                        },
                    .after = after},
                   false);
}

// What an importer's driver asks for.
TEST_F(FaultCold, InAnImportersMap) {
    gpumem::DmaBuf dmabuf;
    std::optional<support::TestImporter> importer;
    for (const std::string call : {"pin", "map", "vmap"})
        survives({.before =
                      [&] {
                          make_cold();
                          dmabuf = bo.export_dmabuf();
                          importer.emplace(dmabuf.fd(), "told");
                      },
                  .call = [&] { return (*importer)(call); },
                  .after =
                      [&] {
                          EXPECT_EQ(bo.query().cold_pages, 0U);
                          expect_right();
                          importer.reset();
                          dmabuf = {};
                          drop_buffer();
                      },
                  .pages_may_stay = true});
}

} // namespace
