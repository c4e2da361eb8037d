// SPDX-License-Identifier: MIT
// A triangle mesh in CPU memory, in the layout that the shaders read, and what
// is done to one before it is shown. Knows nothing of files or of Vulkan.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <glm/vec2.hpp>
#include <glm/vec3.hpp>

namespace gallery {

// As the vertex shaders read it; hence the fixed size.
struct Vertex {
    glm::vec3 position{};
    glm::vec2 uv{};
    std::array<std::int8_t, 4> normal{};  // snorm
    std::array<std::uint8_t, 4> colour{}; // unorm; light baked into the vertex
};
static_assert(sizeof(Vertex) == 28);

struct Mesh {
    std::vector<Vertex> vertices;
    std::vector<std::uint32_t> indices; // three a triangle

    [[nodiscard]] std::size_t triangles() const { return indices.size() / 3; }
};

// What a model file holds: positions, maybe texture coordinates, triangles. A
// loader guarantees that every index is in range, that uvs is empty or as long
// as positions, and that there is at least one triangle.
struct Model {
    std::vector<glm::vec3> positions;
    std::vector<glm::vec2> uvs;
    std::vector<std::uint32_t> indices;
};

std::array<std::int8_t, 4> pack_normal(glm::vec3 normal);
std::array<std::uint8_t, 4> pack_colour(glm::vec3 colour);

// The axis that points up in a model file.
enum class Up { Y, Z };

// Turn the model upright, centre it on the vertical axis, put its lowest point
// at height 0 and scale it so that it fits a box of height 1 and width 1.
void stand_upright(Model &model, Up up);

// Fewer triangles by merging the vertices of each cell of a grid; the finest
// grid with at most max_triangles is used. A model that is small enough is
// returned as it is.
Model reduce(const Model &model, std::size_t max_triangles);

// Add normals (smooth, or one a triangle) and, where the model has none,
// texture coordinates.
Mesh to_mesh(const Model &model, bool flat);

} // namespace gallery
