// SPDX-License-Identifier: MIT
// A picture as scan-out buffers hold it, and what can be said about two.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace gallery {

// Rows of 32-bit XRGB, pitch bytes apart.
struct FrameView {
    int width = 0;
    int height = 0;
    std::size_t pitch = 0;
    std::span<const std::byte> bytes;
};

// The visible bytes of pixel (x, y): blue, green, red.
inline std::span<const std::byte> visible(const FrameView &frame, int x,
                                          int y) {
    return frame.bytes.subspan(static_cast<std::size_t>(y) * frame.pitch +
                                   static_cast<std::size_t>(x) * 4,
                               3);
}

// The first pixel (x, y) whose colour differs, if there is one. Both are of
// one size.
std::optional<std::pair<int, int>> first_difference(const FrameView &a,
                                                    const FrameView &b);

// A checksum of the visible pixels (FNV-1a), as "0x" and 8 digits.
std::string checksum(const FrameView &frame);

} // namespace gallery
