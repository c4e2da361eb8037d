// SPDX-License-Identifier: MIT
#include "display.hpp"

#include <poll.h>
#include <xf86drm.h>

#include <cerrno>
#include <memory>

#include "error.hpp"

namespace gallery {

Display::Display(const gpumem::Device &device, int width, int height)
    : width_(width), height_(height), crc_(card_.crc_directory()) {
    choose_connectors(device);
    choose_plane();
}

Display::~Display() {
    crc_.stop();
    framebuffers_.clear();
    writeback_.reset();
    drmModeDestroyPropertyBlob(card_.fd(), mode_);
}

void Display::choose_connectors(const gpumem::Device &device) {
    const int fd = card_.fd();
    const std::unique_ptr<drmModeRes, decltype(&drmModeFreeResources)>
        resources(drmModeGetResources(fd), &drmModeFreeResources);
    if (!resources || !resources->count_crtcs)
        throw errno_error("vkms has no CRTC");
    crtc_ = resources->crtcs[0];

    std::string modes;
    for (int i = 0; i < resources->count_connectors; i++) {
        const std::unique_ptr<drmModeConnector, decltype(&drmModeFreeConnector)>
            connector(drmModeGetConnector(fd, resources->connectors[i]),
                      &drmModeFreeConnector);
        if (!connector)
            continue;
        if (connector->connector_type != DRM_MODE_CONNECTOR_WRITEBACK) {
            monitors_.push_back(connector->connector_id);
            continue;
        }
        writeback_connector_ = connector->connector_id;
        for (int m = 0; m < connector->count_modes && !mode_; m++) {
            const drmModeModeInfo &mode = connector->modes[m];
            const std::string size = std::to_string(mode.hdisplay) + "x" +
                                     std::to_string(mode.vdisplay);
            if (modes.find(size) == std::string::npos)
                modes += " " + size;
            if (mode.hdisplay == width_ && mode.vdisplay == height_ &&
                drmModeCreatePropertyBlob(fd, &mode, sizeof(mode), &mode_))
                throw errno_error("cannot make a mode");
        }
    }
    if (!writeback_connector_)
        throw Error("vkms has no write-back: load it with enable_writeback=1");
    if (!mode_)
        throw Error("the display has no mode " + std::to_string(width_) + "x" +
                        std::to_string(height_) + "; it has" + modes,
                    kExitUsage);

    const auto pitch = static_cast<std::uint32_t>(width_) * 4;
    writeback_bo_ =
        device.create(std::uint64_t{pitch} * static_cast<unsigned>(height_));
    writeback_map_ = writeback_bo_.map();
    writeback_ = std::make_unique<Framebuffer>(card_, writeback_bo_, width_,
                                               height_, 0, pitch);
}

void Display::choose_plane() {
    const int fd = card_.fd();
    const std::unique_ptr<drmModePlaneRes, decltype(&drmModeFreePlaneResources)>
        planes(drmModeGetPlaneResources(fd), &drmModeFreePlaneResources);
    for (std::uint32_t i = 0; planes && i < planes->count_planes; i++) {
        const std::unique_ptr<drmModeObjectProperties,
                              decltype(&drmModeFreeObjectProperties)>
            all(drmModeObjectGetProperties(fd, planes->planes[i],
                                           DRM_MODE_OBJECT_PLANE),
                &drmModeFreeObjectProperties);
        const std::uint32_t type =
            card_.property(planes->planes[i], DRM_MODE_OBJECT_PLANE, "type");
        for (std::uint32_t p = 0; all && p < all->count_props; p++)
            if (all->props[p] == type &&
                all->prop_values[p] == DRM_PLANE_TYPE_PRIMARY)
                plane_ = planes->planes[i];
    }
    if (!plane_)
        throw Error("vkms has no primary plane");
}

std::size_t Display::add(const gpumem::Bo &bo, std::uint32_t offset,
                         std::uint32_t pitch) {
    framebuffers_.push_back(std::make_unique<Framebuffer>(
        card_, bo, width_, height_, offset, pitch));
    return framebuffers_.size() - 1;
}

unsigned Display::wait_for_flip() const {
    static thread_local unsigned shown;
    static thread_local bool done;
    done = false;
    drmEventContext events{};
    events.version = 2;
    events.page_flip_handler = [](int, unsigned sequence, unsigned, unsigned,
                                  void *) {
        shown = sequence;
        done = true;
    };
    while (!done) {
        pollfd ready{card_.fd(), POLLIN, 0};
        const int got = ::poll(&ready, 1, kDisplayWaitMs);
        if (got < 0 && errno != EINTR)
            throw errno_error("waiting for the display");
        if (got == 0)
            throw Error("the display did not flip");
        if (got > 0 && drmHandleEvent(card_.fd(), &events))
            throw errno_error("reading from the display");
    }
    return shown;
}

std::string Display::show(std::size_t buffer) {
    const auto plane = [&](const char *name, std::uint64_t value) {
        return Card::Change{
            plane_, card_.property(plane_, DRM_MODE_OBJECT_PLANE, name), value};
    };
    const auto connect = [&](std::uint32_t connector, std::uint32_t crtc) {
        return Card::Change{
            connector,
            card_.property(connector, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID"),
            crtc};
    };
    const auto w = static_cast<std::uint64_t>(width_);
    const auto h = static_cast<std::uint64_t>(height_);
    std::vector<Card::Change> changes{
        plane("FB_ID", framebuffers_.at(buffer)->id())};
    if (!lit_) {
        changes.insert(
            changes.end(),
            {connect(writeback_connector_, crtc_),
             {crtc_, card_.property(crtc_, DRM_MODE_OBJECT_CRTC, "MODE_ID"),
              mode_},
             {crtc_, card_.property(crtc_, DRM_MODE_OBJECT_CRTC, "ACTIVE"), 1},
             plane("CRTC_ID", crtc_),
             plane("SRC_X", 0),
             plane("SRC_Y", 0),
             plane("SRC_W", w << 16),
             plane("SRC_H", h << 16),
             plane("CRTC_X", 0),
             plane("CRTC_Y", 0),
             plane("CRTC_W", w),
             plane("CRTC_H", h)});
        for (const std::uint32_t monitor : monitors_)
            changes.push_back(connect(monitor, 0));
    }
    // The mode is set in a commit that blocks: its event comes before vblanks
    // are on, and vkms loses count of their users when CRCs are asked for then.
    card_.commit(changes, DRM_MODE_PAGE_FLIP_EVENT |
                              (lit_ ? DRM_MODE_ATOMIC_NONBLOCK
                                    : DRM_MODE_ATOMIC_ALLOW_MODESET));
    lit_ = true;
    return crc_.after(wait_for_flip());
}

void Display::wait_for_vblank() const {
    drmVBlank wait{};
    wait.request.type = DRM_VBLANK_RELATIVE;
    wait.request.sequence = 1;
    if (drmWaitVBlank(card_.fd(), &wait))
        throw errno_error("waiting for a vblank");
}

FrameView Display::write_back() {
    // A commit of its own, so that a frame's flip and CRC are the same whether
    // it is written back or not. vkms publishes a write-back before it has
    // filled it in; its composer must not run at that moment. So no CRCs, and
    // a whole period until the next vblank.
    crc_.stop();
    wait_for_vblank();
    std::int32_t fence = -1;
    const auto writeback = [&](const char *name, std::uint64_t value) {
        return Card::Change{writeback_connector_,
                            card_.property(writeback_connector_,
                                           DRM_MODE_OBJECT_CONNECTOR, name),
                            value};
    };
    card_.commit({writeback("WRITEBACK_FB_ID", writeback_->id()),
                  writeback("WRITEBACK_OUT_FENCE_PTR",
                            reinterpret_cast<std::uintptr_t>(&fence))},
                 0);
    const gpumem::UniqueFd written(fence);
    pollfd ready{written.get(), POLLIN, 0};
    int got = 0;
    do
        got = ::poll(&ready, 1, kDisplayWaitMs);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        throw errno_error("waiting for a write-back");
    if (got == 0)
        throw Error("the display did not write back");
    return {width_, height_, static_cast<std::size_t>(width_) * 4,
            writeback_map_.bytes()};
}

} // namespace gallery
