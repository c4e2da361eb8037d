// SPDX-License-Identifier: MIT
// Without memory: mmap and every kind of page fault, through the device and
// through the dma-buf.
#include "fault_mapping.hpp"

namespace {

constexpr std::size_t PAGES = 16;

class FaultMapped : public FaultMapping {
protected:
    Mapped device_with(Contents contents) {
        return {.pages = PAGES,
                .before =
                    [this, contents] {
                        make_buffer(PAGES, contents);
                        return std::pair(device.fd(),
                                         offset_of(device.fd(), bo.handle()));
                    },
                .after =
                    [this] {
                        EXPECT_TRUE(is_intact());
                        drop_buffer();
                    }};
    }
    // Only a buffer that is not exported becomes cold, but then it may be.
    Mapped dmabuf_with(Contents contents) {
        return {.pages = PAGES,
                .before =
                    [this, contents] {
                        make_buffer(PAGES, contents);
                        dmabuf_ = bo.export_dmabuf();
                        return std::pair(dmabuf_.fd(), off_t{0});
                    },
                .after =
                    [this] {
                        EXPECT_TRUE(is_intact());
                        dmabuf_ = {};
                        drop_buffer();
                    }};
    }

private:
    gpumem::DmaBuf dmabuf_;
};

TEST_F(FaultMapped, InMmapOfTheDevice) {
    for (const Contents contents : EACH_CONTENTS)
        survives_mmap(device_with(contents));
}

TEST_F(FaultMapped, InMmapOfTheDmaBuf) {
    for (const Contents contents : EACH_CONTENTS)
        survives_mmap(dmabuf_with(contents));
}

// Of a page that is missing, of one that is only not mapped yet, and of one that
// has to come back.
TEST_F(FaultMapped, InAReadFault) {
    for (const Contents contents : EACH_CONTENTS) {
        survives_touch(device_with(contents), false);
        survives_touch(dmabuf_with(contents), false);
    }
}

TEST_F(FaultMapped, InAWriteFault) {
    for (const Contents contents : EACH_CONTENTS) {
        survives_touch(device_with(contents), true);
        survives_touch(dmabuf_with(contents), true);
    }
}

} // namespace
