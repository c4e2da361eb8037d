// SPDX-License-Identifier: MIT
// Writing pictures as PNG files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace gallery {

// A frame as scan-out buffers hold it: rows of 32-bit XRGB, pitch bytes apart.
struct FrameView {
    int width = 0;
    int height = 0;
    std::size_t pitch = 0;
    std::span<const std::byte> bytes;
};

void write_png(const std::filesystem::path &path, const FrameView &frame);

} // namespace gallery
