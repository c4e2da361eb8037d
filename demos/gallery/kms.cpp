// SPDX-License-Identifier: MIT
#include "kms.hpp"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <xf86drm.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "error.hpp"

namespace gallery {

namespace {

gpumem::UniqueFd open_vkms() {
    std::error_code none;
    for (const auto &entry :
         std::filesystem::directory_iterator("/dev/dri", none)) {
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

Card::Card() : fd_(open_vkms()) {
    for (const std::uint64_t capability :
         {DRM_CLIENT_CAP_UNIVERSAL_PLANES, DRM_CLIENT_CAP_ATOMIC,
          DRM_CLIENT_CAP_WRITEBACK_CONNECTORS})
        if (drmSetClientCap(fd(), capability, 1))
            throw errno_error("vkms refuses atomic mode setting or write-back");
}

std::string Card::crc_directory() const {
    struct stat status {};
    if (::fstat(fd(), &status))
        throw errno_error("cannot stat the display");
    return "/sys/kernel/debug/dri/" + std::to_string(minor(status.st_rdev)) +
           "/crtc-0/crc/";
}

std::uint32_t Card::property(std::uint32_t object, std::uint32_t type,
                             const char *name) const {
    const std::unique_ptr<drmModeObjectProperties,
                          decltype(&drmModeFreeObjectProperties)>
        all(drmModeObjectGetProperties(fd(), object, type),
            &drmModeFreeObjectProperties);
    for (std::uint32_t i = 0; all && i < all->count_props; i++) {
        const std::unique_ptr<drmModePropertyRes,
                              decltype(&drmModeFreeProperty)>
            one(drmModeGetProperty(fd(), all->props[i]), &drmModeFreeProperty);
        if (one && std::strcmp(one->name, name) == 0)
            return one->prop_id;
    }
    throw Error(std::string("the display has no property ") + name);
}

void Card::commit(const std::vector<Change> &changes,
                  std::uint32_t flags) const {
    const std::unique_ptr<drmModeAtomicReq, decltype(&drmModeAtomicFree)>
        request(drmModeAtomicAlloc(), &drmModeAtomicFree);
    for (const Change &change : changes)
        if (!request ||
            drmModeAtomicAddProperty(request.get(), change.object,
                                     change.property, change.value) < 0)
            throw errno_error("cannot build an atomic request");
    if (drmModeAtomicCommit(fd(), request.get(), flags, nullptr))
        throw errno_error("atomic commit failed");
}

Framebuffer::Framebuffer(const Card &card, const gpumem::Bo &bo, int width,
                         int height, std::uint32_t offset, std::uint32_t pitch)
    : card_(card.fd()) {
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    if (drmPrimeFDToHandle(card_, dmabuf.fd(), &handle_))
        throw errno_error("vkms cannot import a frame");
    const std::array<std::uint32_t, 4> handles{handle_}, pitches{pitch},
        offsets{offset};
    if (drmModeAddFB2(card_, static_cast<std::uint32_t>(width),
                      static_cast<std::uint32_t>(height), DRM_FORMAT_XRGB8888,
                      handles.data(), pitches.data(), offsets.data(), &id_, 0))
        throw errno_error("vkms cannot show a frame");
}

Framebuffer::~Framebuffer() {
    drmModeRmFB(card_, id_);
    drmCloseBufferHandle(card_, handle_);
}

} // namespace gallery
