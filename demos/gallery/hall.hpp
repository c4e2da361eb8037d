// SPDX-License-Identifier: MIT
// The shape of one room of the gallery with its light baked into the vertices:
// floor, walls, ceiling with skylight, the doorway to the next room, picture
// frames, pedestals.
//
// A room reaches from z = 0, where the visitor comes in, to z = -kRoomLength;
// the floor is y = 0.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <glm/vec3.hpp>

#include "mesh.hpp"

namespace gallery {

constexpr float kRoomLength = 7.0F;
constexpr float kRoomWidth = 8.0F;
constexpr float kRoomHeight = 4.2F;
constexpr float kPedestalHeight = 0.95F;

constexpr int kPicturesARoom = 6;
constexpr int kExhibitsARoom = 2;

// What a part of the room is made of; each is drawn with a texture of its own.
enum class Surface : std::uint8_t {
    Floor,
    Wall,
    Plaster, // ceiling, mouldings, frames, pedestals: the vertex colour says
             // which
    Picture, // kPicturesARoom of them, one after the other
};

struct RoomPart {
    Surface surface = Surface::Floor;
    std::uint32_t first_index = 0;
    std::uint32_t index_count = 0;
};

struct RoomShape {
    Mesh mesh;
    std::vector<RoomPart> parts; // in drawing order, nearest surfaces first
};

// Where the exhibits stand, on the floor.
std::array<glm::vec3, kExhibitsARoom> exhibit_places();

// wall: the paint of this room's walls.
RoomShape build_room(glm::vec3 wall);

} // namespace gallery
