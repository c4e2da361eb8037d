// SPDX-License-Identifier: MIT
// Scan-out on vkms: imports buffers by PRIME, flips between them atomically,
// and reads the CRC that vkms computed of what it showed. Knows nothing of
// Vulkan.
#pragma once

#include <gpumem/gpumem.hpp>
#include <xf86drmMode.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gallery {

class Display {
public:
    // Throws an Error with exit code 2, naming the modes, if there is none of
    // this size.
    Display(int width, int height);
    Display(const Display &) = delete;
    Display &operator=(const Display &) = delete;
    ~Display();

    // Makes a buffer showable; returns its number for show().
    std::size_t add(const gpumem::Bo &bo, std::uint32_t offset,
                    std::uint32_t pitch);

    // Show the buffer, wait until it is on screen, and return the CRC of a
    // frame that showed it.
    std::string show(std::size_t buffer);

private:
    struct Property {
        std::uint32_t object, id;
        std::uint64_t value;
    };
    std::uint32_t property(std::uint32_t object, std::uint32_t type,
                           const char *name) const;
    void commit(const std::vector<Property> &changes, std::uint32_t flags);
    unsigned wait_for_flip() const;
    std::string crc_after(unsigned frame);

    int width_, height_;
    gpumem::UniqueFd card_;
    gpumem::UniqueFd crc_;
    std::string crc_text_; // read but not used yet
    std::uint32_t connector_ = 0, crtc_ = 0, plane_ = 0, mode_ = 0;
    bool lit_ = false;
    std::vector<std::uint32_t> framebuffers_;
    std::vector<std::uint32_t> handles_;
};

} // namespace gallery
