// SPDX-License-Identifier: MIT
#include "frame_view.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gallery {
namespace {

// 3 x 2 pixels in rows of 16 bytes.
class Picture {
public:
    Picture() : bytes_(32, std::byte{7}) {}
    std::byte &at(std::size_t offset) { return bytes_[offset]; }
    [[nodiscard]] FrameView view() const { return {3, 2, 16, bytes_}; }

private:
    std::vector<std::byte> bytes_;
};

TEST(FrameView, FindsTheFirstPixelWhoseColourDiffers) {
    const Picture a;
    Picture b;
    EXPECT_FALSE(first_difference(a.view(), b.view()));
    b.at(16 + 2 * 4 + 1) = std::byte{8};
    EXPECT_EQ(first_difference(a.view(), b.view()), std::pair(2, 1));
    b.at(1 * 4 + 2) = std::byte{8};
    EXPECT_EQ(first_difference(a.view(), b.view()), std::pair(1, 0));
}

TEST(FrameView, ChecksumSeesEveryColourOfEveryPixel) {
    const std::string same = checksum(Picture().view());
    EXPECT_EQ(same, checksum(Picture().view()));
    for (std::size_t y = 0; y < 2; y++)
        for (std::size_t x = 0; x < 3; x++)
            for (std::size_t colour = 0; colour < 3; colour++) {
                Picture other;
                other.at(y * 16 + x * 4 + colour) = std::byte{8};
                EXPECT_NE(same, checksum(other.view())) << x << ' ' << y;
            }
}

TEST(FrameView, WhatCannotBeSeenDoesNotCount) {
    const Picture a;
    Picture b;
    b.at(3) = std::byte{8};  // X of XRGB
    b.at(13) = std::byte{8}; // behind the row
    EXPECT_FALSE(first_difference(a.view(), b.view()));
    EXPECT_EQ(checksum(a.view()), checksum(b.view()));
}

} // namespace
} // namespace gallery
