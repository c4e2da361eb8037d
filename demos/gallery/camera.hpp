// SPDX-License-Identifier: MIT
// Where the visitor stands and looks in each frame. A function of the frame
// number alone.
#pragma once

#include <cstdint>

#include <glm/mat4x4.hpp>
#include <glm/vec3.hpp>

namespace gallery {

struct Camera {
    glm::vec3 eye{};
    glm::mat4 view_projection{1.0F};
    std::int64_t room = 0; // which room of the walk, counted from 0 without end
};

// The walk goes along -z, one room every kRoomLength metres.
Camera camera_at(std::uint64_t frame, float aspect);

} // namespace gallery
