// SPDX-License-Identifier: MIT
#include "camera.hpp"

#include <cmath>
#include <numbers>

#include <glm/geometric.hpp>
#include <glm/trigonometric.hpp>

#include "hall.hpp"

namespace gallery {

namespace {

constexpr float kStep = 0.16F; // metres a frame
constexpr float kEyeHeight = 1.62F;
constexpr float kNear = 0.15F;
constexpr float kFar = 80.0F;

// Right-handed, depth 0 to 1, y down on the screen: Vulkan's clip space.
glm::mat4 perspective(float vertical_angle, float aspect) {
    const float f = 1.0F / std::tan(vertical_angle / 2);
    glm::mat4 m(0.0F);
    m[0][0] = f / aspect;
    m[1][1] = -f;
    m[2][2] = kFar / (kNear - kFar);
    m[2][3] = -1.0F;
    m[3][2] = kNear * kFar / (kNear - kFar);
    return m;
}

glm::mat4 look(glm::vec3 eye, glm::vec3 forward) {
    const glm::vec3 right =
        glm::normalize(glm::cross(forward, glm::vec3(0, 1, 0)));
    const glm::vec3 up = glm::cross(right, forward);
    glm::mat4 m(1.0F);
    for (int i = 0; i < 3; i++) {
        m[i][0] = right[i];
        m[i][1] = up[i];
        m[i][2] = -forward[i];
    }
    m[3] = glm::vec4(-glm::dot(right, eye), -glm::dot(up, eye),
                     glm::dot(forward, eye), 1.0F);
    return m;
}

} // namespace

Camera camera_at(std::uint64_t frame, float aspect) {
    const auto walked = static_cast<double>(frame) * static_cast<double>(kStep);
    // Within the room, so that a long walk loses no precision.
    const double room = std::floor(walked / static_cast<double>(kRoomLength));
    // One swing in two rooms: left wall, then right wall; straight ahead in
    // each doorway.
    const auto phase =
        static_cast<float>(walked / static_cast<double>(kRoomLength)) *
        std::numbers::pi_v<float>;
    const float swing = std::sin(phase);

    Camera camera;
    camera.room = static_cast<std::int64_t>(room);
    camera.eye = {0.55F * swing, kEyeHeight + 0.03F * std::sin(4.0F * phase),
                  static_cast<float>(
                      -(walked - room * static_cast<double>(kRoomLength)))};
    const float yaw = 0.38F * std::sin(phase + 0.5F);
    const float pitch = -0.045F;
    const glm::vec3 forward{std::sin(yaw) * std::cos(pitch), std::sin(pitch),
                            -std::cos(yaw) * std::cos(pitch)};
    camera.view_projection =
        perspective(glm::radians(62.0F), aspect) * look(camera.eye, forward);
    return camera;
}

} // namespace gallery
