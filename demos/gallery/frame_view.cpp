// SPDX-License-Identifier: MIT
#include "frame_view.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace gallery {

std::optional<std::pair<int, int>> first_difference(const FrameView &a,
                                                    const FrameView &b) {
    for (int y = 0; y < a.height; y++)
        for (int x = 0; x < a.width; x++)
            if (!std::ranges::equal(visible(a, x, y), visible(b, x, y)))
                return std::pair{x, y};
    return std::nullopt;
}

std::string checksum(const FrameView &frame) {
    std::uint32_t sum = 2166136261U;
    for (int y = 0; y < frame.height; y++)
        for (int x = 0; x < frame.width; x++)
            for (const std::byte byte : visible(frame, x, y))
                sum = (sum ^ static_cast<std::uint32_t>(byte)) * 16777619U;
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", sum);
    return text.data();
}

} // namespace gallery
