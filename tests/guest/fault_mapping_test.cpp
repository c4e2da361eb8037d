// SPDX-License-Identifier: MIT
// Without memory: mmap and every kind of page fault, through the device and
// through the dma-buf.
#include "fault_mapping.hpp"

namespace {

constexpr std::size_t PAGES = 16;

class FaultMapped : public FaultMapping {
protected:
    Mapped device_with(std::size_t resident) {
        return {.pages = PAGES,
                .before =
                    [this, resident] {
                        make_buffer(PAGES, resident);
                        return std::pair(device.fd(),
                                         offset_of(device.fd(), bo.handle()));
                    },
                .after = [this] { drop_buffer(); }};
    }
    Mapped dmabuf_with(std::size_t resident) {
        return {.pages = PAGES,
                .before =
                    [this, resident] {
                        make_buffer(PAGES, resident);
                        dmabuf_ = bo.export_dmabuf();
                        return std::pair(dmabuf_.fd(), off_t{0});
                    },
                .after =
                    [this] {
                        dmabuf_ = {};
                        drop_buffer();
                    }};
    }

private:
    gpumem::DmaBuf dmabuf_;
};

TEST_F(FaultMapped, InMmapOfTheDevice) {
    survives_mmap(device_with(0));
    survives_mmap(device_with(PAGES));
}

TEST_F(FaultMapped, InMmapOfTheDmaBuf) {
    survives_mmap(dmabuf_with(0));
    survives_mmap(dmabuf_with(PAGES));
}

// Of a page that is missing, and of one that is only not mapped yet.
TEST_F(FaultMapped, InAReadFault) {
    for (const std::size_t resident : {std::size_t{0}, PAGES}) {
        survives_touch(device_with(resident), false);
        survives_touch(dmabuf_with(resident), false);
    }
}

TEST_F(FaultMapped, InAWriteFault) {
    for (const std::size_t resident : {std::size_t{0}, PAGES}) {
        survives_touch(device_with(resident), true);
        survives_touch(dmabuf_with(resident), true);
    }
}

} // namespace
