// SPDX-License-Identifier: MIT
#include "camera.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "hall.hpp"

namespace gallery {
namespace {

constexpr float kAspect = 4.0F / 3.0F;

// Metres walked along the gallery.
double walked(const Camera &camera) {
    return static_cast<double>(camera.room) * static_cast<double>(kRoomLength) -
           static_cast<double>(camera.eye.z);
}

TEST(Camera, DependsOnTheFrameNumberAlone) {
    const Camera once = camera_at(123, kAspect);
    for (std::uint64_t frame = 0; frame < 50; frame++)
        camera_at(frame, kAspect);
    const Camera again = camera_at(123, kAspect);
    EXPECT_EQ(once.eye, again.eye);
    EXPECT_EQ(once.view_projection, again.view_projection);
    EXPECT_EQ(once.room, again.room);
}

TEST(Camera, WalksForwardInSmallStepsThroughEveryDoorway) {
    Camera before = camera_at(0, kAspect);
    for (std::uint64_t frame = 1; frame < 2000; frame++) {
        const Camera now = camera_at(frame, kAspect);
        EXPECT_NEAR(walked(now) - walked(before), 0.16, 0.001) << frame;
        EXPECT_LT(std::abs(now.eye.x - before.eye.x), 0.1F) << frame;
        EXPECT_LT(std::abs(now.eye.y - before.eye.y), 0.1F) << frame;
        before = now;
    }
    EXPECT_EQ(before.room, 45);
}

TEST(Camera, TheLoopCloses) {
    // 12 rooms of 7 m, 0.16 m a frame.
    constexpr std::uint64_t kLoop = 525;
    for (std::uint64_t frame = 0; frame < 100; frame++) {
        const Camera first = camera_at(frame, kAspect);
        const Camera again = camera_at(frame + kLoop, kAspect);
        EXPECT_NEAR(walked(again) - walked(first),
                    12 * static_cast<double>(kRoomLength), 0.001);
        EXPECT_NEAR(again.eye.x, first.eye.x, 0.001) << frame;
        EXPECT_NEAR(again.eye.y, first.eye.y, 0.001) << frame;
        // The first three columns are the direction of sight.
        for (int column = 0; column < 3; column++)
            for (int row = 0; row < 4; row++)
                EXPECT_NEAR(again.view_projection[column][row],
                            first.view_projection[column][row], 0.001)
                    << frame;
    }
}

TEST(Camera, StaysInsideTheRoom) {
    for (std::uint64_t frame = 0; frame < 2000; frame++) {
        const Camera camera = camera_at(frame, kAspect);
        EXPECT_LT(std::abs(camera.eye.x), kRoomWidth / 2) << frame;
        EXPECT_GT(camera.eye.y, 0) << frame;
        EXPECT_LT(camera.eye.y, kRoomHeight) << frame;
        EXPECT_LE(camera.eye.z, 0) << frame;
        EXPECT_GT(camera.eye.z, -kRoomLength) << frame;
    }
}

TEST(Camera, LosesNoPrecisionOnALongWalk) {
    const Camera far = camera_at(std::uint64_t{1} << 32, kAspect);
    const Camera next = camera_at((std::uint64_t{1} << 32) + 1, kAspect);
    EXPECT_NEAR(walked(next) - walked(far), 0.16, 0.001);
}

} // namespace
} // namespace gallery
