// SPDX-License-Identifier: MIT
// Writing pictures as PNG files.
#pragma once

#include <filesystem>

#include "frame_view.hpp"

namespace gallery {

void write_png(const std::filesystem::path &path, const FrameView &frame);

} // namespace gallery
