// SPDX-License-Identifier: MIT
#include "display.hpp"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xf86drm.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "error.hpp"

namespace gallery {

namespace {

constexpr int kWaitMs =
    20000; // a guest without KVM may be slow; a display that is stuck is not

Error failure(const std::string &what) {
    return Error(what + ": " + std::strerror(errno));
}

gpumem::UniqueFd open_vkms() {
    for (const auto &entry : std::filesystem::directory_iterator("/dev/dri")) {
        if (!entry.path().filename().string().starts_with("card"))
            continue;
        gpumem::UniqueFd fd(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
        if (!fd)
            continue;
        const std::unique_ptr<drmVersion, decltype(&drmFreeVersion)> version(
            drmGetVersion(fd.get()), &drmFreeVersion);
        if (version && std::strcmp(version->name, "vkms") == 0)
            return fd;
    }
    throw Error("no display: load vkms, or use --no-display");
}

} // namespace

Display::Display(int width, int height)
    : width_(width), height_(height), card_(open_vkms()) {
    const int fd = card_.get();
    if (drmSetClientCap(fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) ||
        drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1))
        throw failure("vkms refuses atomic mode setting");
    const std::unique_ptr<drmModeRes, decltype(&drmModeFreeResources)>
        resources(drmModeGetResources(fd), &drmModeFreeResources);
    if (!resources || !resources->count_crtcs)
        throw failure("vkms has no CRTC");
    crtc_ = resources->crtcs[0];

    std::string modes;
    for (int i = 0; i < resources->count_connectors && !mode_; i++) {
        const std::unique_ptr<drmModeConnector, decltype(&drmModeFreeConnector)>
            connector(drmModeGetConnector(fd, resources->connectors[i]),
                      &drmModeFreeConnector);
        if (!connector ||
            connector->connector_type == DRM_MODE_CONNECTOR_WRITEBACK)
            continue;
        for (int m = 0; m < connector->count_modes; m++) {
            const drmModeModeInfo &mode = connector->modes[m];
            const std::string size = std::to_string(mode.hdisplay) + "x" +
                                     std::to_string(mode.vdisplay);
            if (modes.find(size) == std::string::npos)
                modes += " " + size;
            if (mode.hdisplay != width || mode.vdisplay != height || mode_)
                continue;
            connector_ = connector->connector_id;
            if (drmModeCreatePropertyBlob(fd, &mode, sizeof(mode), &mode_))
                throw failure("cannot make a mode");
        }
    }
    if (!mode_)
        throw Error("the display has no mode " + std::to_string(width) + "x" +
                        std::to_string(height) + "; it has" + modes,
                    kExitUsage);

    const std::unique_ptr<drmModePlaneRes, decltype(&drmModeFreePlaneResources)>
        planes(drmModeGetPlaneResources(fd), &drmModeFreePlaneResources);
    for (std::uint32_t i = 0; planes && i < planes->count_planes; i++) {
        const std::unique_ptr<drmModeObjectProperties,
                              decltype(&drmModeFreeObjectProperties)>
            all(drmModeObjectGetProperties(fd, planes->planes[i],
                                           DRM_MODE_OBJECT_PLANE),
                &drmModeFreeObjectProperties);
        const std::uint32_t type =
            property(planes->planes[i], DRM_MODE_OBJECT_PLANE, "type");
        for (std::uint32_t p = 0; all && p < all->count_props; p++)
            if (all->props[p] == type &&
                all->prop_values[p] == DRM_PLANE_TYPE_PRIMARY)
                plane_ = planes->planes[i];
    }
    if (!plane_)
        throw Error("vkms has no primary plane");

    struct stat status {};
    if (::fstat(fd, &status))
        throw failure("cannot stat the display");
    const std::string crc = "/sys/kernel/debug/dri/" +
                            std::to_string(minor(status.st_rdev)) +
                            "/crtc-0/crc/";
    const gpumem::UniqueFd control(
        ::open((crc + "control").c_str(), O_WRONLY | O_CLOEXEC));
    if (!control || ::write(control.get(), "auto", 4) != 4)
        throw failure("cannot write " + crc +
                      "control (needs root and debugfs)");
}

Display::~Display() {
    const int fd = card_.get();
    crc_.reset();
    for (std::uint32_t framebuffer : framebuffers_)
        drmModeRmFB(fd, framebuffer);
    for (std::uint32_t handle : handles_)
        drmCloseBufferHandle(fd, handle);
    if (mode_)
        drmModeDestroyPropertyBlob(fd, mode_);
}

std::uint32_t Display::property(std::uint32_t object, std::uint32_t type,
                                const char *name) const {
    const int fd = card_.get();
    const std::unique_ptr<drmModeObjectProperties,
                          decltype(&drmModeFreeObjectProperties)>
        all(drmModeObjectGetProperties(fd, object, type),
            &drmModeFreeObjectProperties);
    for (std::uint32_t i = 0; all && i < all->count_props; i++) {
        const std::unique_ptr<drmModePropertyRes,
                              decltype(&drmModeFreeProperty)>
            one(drmModeGetProperty(fd, all->props[i]), &drmModeFreeProperty);
        if (one && std::strcmp(one->name, name) == 0)
            return one->prop_id;
    }
    throw Error(std::string("the display has no property ") + name);
}

std::size_t Display::add(const gpumem::Bo &bo, std::uint32_t offset,
                         std::uint32_t pitch) {
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    std::uint32_t handle = 0;
    if (drmPrimeFDToHandle(card_.get(), dmabuf.fd(), &handle))
        throw failure("vkms cannot import a frame");
    handles_.push_back(handle);
    const std::array<std::uint32_t, 4> handles{handle}, pitches{pitch},
        offsets{offset};
    std::uint32_t framebuffer = 0;
    if (drmModeAddFB2(card_.get(), static_cast<std::uint32_t>(width_),
                      static_cast<std::uint32_t>(height_), DRM_FORMAT_XRGB8888,
                      handles.data(), pitches.data(), offsets.data(),
                      &framebuffer, 0))
        throw failure("vkms cannot show a frame");
    framebuffers_.push_back(framebuffer);
    return framebuffers_.size() - 1;
}

void Display::commit(const std::vector<Property> &changes,
                     std::uint32_t flags) {
    const std::unique_ptr<drmModeAtomicReq, decltype(&drmModeAtomicFree)>
        request(drmModeAtomicAlloc(), &drmModeAtomicFree);
    for (const Property &change : changes)
        if (!request || drmModeAtomicAddProperty(request.get(), change.object,
                                                 change.id, change.value) < 0)
            throw failure("cannot build an atomic request");
    if (drmModeAtomicCommit(card_.get(), request.get(), flags, nullptr))
        throw failure("atomic commit failed");
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
        pollfd ready{card_.get(), POLLIN, 0};
        const int got = ::poll(&ready, 1, kWaitMs);
        if (got < 0 && errno != EINTR)
            throw failure("waiting for the display");
        if (got == 0)
            throw Error("the display did not flip");
        if (got > 0 && drmHandleEvent(card_.get(), &events))
            throw failure("reading from the display");
    }
    return shown;
}

std::string Display::crc_after(unsigned frame) {
    // Lines of "0xFRAME 0xCRC". The frame of the flip itself is passed over:
    // only a later one is sure to have been composed from the new buffer alone.
    for (;;) {
        const std::size_t end = crc_text_.find('\n');
        if (end != std::string::npos) {
            const std::string line = crc_text_.substr(0, end);
            crc_text_.erase(0, end + 1);
            const std::size_t space = line.find(' ');
            // "XXXXXXXXXX" stands for a frame without a number.
            if (space == std::string::npos || !line.starts_with("0x"))
                continue;
            const auto number = static_cast<unsigned>(
                std::stoul(line.substr(0, space), nullptr, 16));
            if (static_cast<int>(number - frame) > 0)
                return line.substr(space + 1);
            continue;
        }
        std::array<char, 4096> some{};
        pollfd ready{crc_.get(), POLLIN, 0};
        const int got = ::poll(&ready, 1, kWaitMs);
        if (got == 0)
            throw Error("the display gives no CRC");
        const ssize_t bytes = ::read(crc_.get(), some.data(), some.size());
        if (bytes < 0 && errno != EINTR && errno != EAGAIN)
            throw failure("reading a CRC");
        // Each read gives one line and a 0 after it.
        for (ssize_t i = 0; i < bytes; i++)
            if (some[static_cast<std::size_t>(i)])
                crc_text_ += some[static_cast<std::size_t>(i)];
    }
}

std::string Display::show(std::size_t buffer) {
    const auto plane = [&](const char *name, std::uint64_t value) {
        return Property{plane_, property(plane_, DRM_MODE_OBJECT_PLANE, name),
                        value};
    };
    const auto w = static_cast<std::uint64_t>(width_),
               h = static_cast<std::uint64_t>(height_);
    std::vector<Property> changes{plane("FB_ID", framebuffers_.at(buffer))};
    if (!lit_) {
        changes.insert(
            changes.end(),
            {{connector_,
              property(connector_, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID"),
              crtc_},
             {crtc_, property(crtc_, DRM_MODE_OBJECT_CRTC, "MODE_ID"), mode_},
             {crtc_, property(crtc_, DRM_MODE_OBJECT_CRTC, "ACTIVE"), 1},
             plane("CRTC_ID", crtc_),
             plane("SRC_X", 0),
             plane("SRC_Y", 0),
             plane("SRC_W", w << 16),
             plane("SRC_H", h << 16),
             plane("CRTC_X", 0),
             plane("CRTC_Y", 0),
             plane("CRTC_W", w),
             plane("CRTC_H", h)});
    }
    commit(changes, DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK |
                        (lit_ ? 0U : DRM_MODE_ATOMIC_ALLOW_MODESET));
    const unsigned frame = wait_for_flip();
    if (!lit_) {
        // CRCs can be had from an active CRTC only.
        struct stat status {};
        if (::fstat(card_.get(), &status))
            throw failure("cannot stat the display");
        const std::string path = "/sys/kernel/debug/dri/" +
                                 std::to_string(minor(status.st_rdev)) +
                                 "/crtc-0/crc/data";
        crc_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!crc_)
            throw failure("cannot open " + path);
        lit_ = true;
    }
    return crc_after(frame);
}

} // namespace gallery
