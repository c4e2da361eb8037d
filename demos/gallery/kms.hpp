// SPDX-License-Identifier: MIT
// The vkms card: finding it, its properties, atomic commits, and framebuffers
// made of gpumem buffers. Knows nothing of what is shown when.
#pragma once

#include <gpumem/gpumem.hpp>
#include <xf86drmMode.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gallery {

// How long to wait for a display. A guest without KVM may be slow; a display
// that is stuck is not.
constexpr int kDisplayWaitMs = 20000;

class Card {
public:
    struct Change {
        std::uint32_t object, property;
        std::uint64_t value;
    };

    // Opens vkms and asks for atomic mode setting and write-back.
    Card();

    [[nodiscard]] int fd() const { return fd_.get(); }

    // The debugfs directory of its first CRTC's CRCs, with a slash at the end.
    [[nodiscard]] std::string crc_directory() const;

    // Throws if the object has no property of this name.
    [[nodiscard]] std::uint32_t
    property(std::uint32_t object, std::uint32_t type, const char *name) const;

    // One atomic commit; flags are DRM_MODE_*.
    void commit(const std::vector<Change> &changes, std::uint32_t flags) const;

private:
    gpumem::UniqueFd fd_;
};

// A gpumem buffer as the card sees it, until destroyed. The card must outlive
// it. One buffer must not be in two of them: they would share a handle.
class Framebuffer {
public:
    // offset and pitch in bytes; the rows are 32-bit XRGB.
    Framebuffer(const Card &card, const gpumem::Bo &bo, int width, int height,
                std::uint32_t offset, std::uint32_t pitch);
    Framebuffer(const Framebuffer &) = delete;
    Framebuffer &operator=(const Framebuffer &) = delete;
    ~Framebuffer();

    [[nodiscard]] std::uint32_t id() const { return id_; }

private:
    int card_;
    std::uint32_t handle_ = 0, id_ = 0;
};

} // namespace gallery
