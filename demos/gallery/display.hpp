// SPDX-License-Identifier: MIT
// Scan-out on vkms: shows buffers by atomic flips, reads the CRC of what was
// shown, and has it written back. Knows nothing of Vulkan.
#pragma once

#include <gpumem/gpumem.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crc_reader.hpp"
#include "frame_view.hpp"
#include "kms.hpp"

namespace gallery {

class Display {
public:
    // Throws an Error with exit code 2, naming the modes, if there is none of
    // this size. device gives the buffer for write-backs and must outlive this.
    Display(const gpumem::Device &device, int width, int height);
    Display(const Display &) = delete;
    Display &operator=(const Display &) = delete;
    ~Display();

    // Makes a buffer showable; returns its number for show().
    std::size_t add(const gpumem::Bo &bo, std::uint32_t offset,
                    std::uint32_t pitch);

    // Show the buffer, wait until it is on screen, and return the CRC of a
    // vblank that showed it.
    std::string show(std::size_t buffer);

    // What is on screen, as vkms writes it back. Valid until the next call.
    FrameView write_back();

private:
    void choose_connectors(const gpumem::Device &device);
    void choose_plane();
    [[nodiscard]] unsigned wait_for_flip() const;
    void wait_for_vblank() const;

    int width_, height_;
    Card card_;
    CrcReader crc_;
    // The CRTC drives the write-back connector alone: the kernel (6.12.118)
    // refuses to let vkms drive a monitor at the same time.
    std::uint32_t writeback_connector_ = 0;
    std::vector<std::uint32_t> monitors_; // switched off
    std::uint32_t crtc_ = 0, plane_ = 0, mode_ = 0;
    bool lit_ = false;
    std::vector<std::unique_ptr<Framebuffer>> framebuffers_;
    gpumem::Bo writeback_bo_;
    gpumem::Mapping writeback_map_;
    std::unique_ptr<Framebuffer> writeback_;
};

} // namespace gallery
