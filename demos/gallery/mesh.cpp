// SPDX-License-Identifier: MIT
#include "mesh.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>

#include <glm/common.hpp>
#include <glm/geometric.hpp>

namespace gallery {

namespace {

struct Box {
    glm::vec3 low{std::numeric_limits<float>::max()};
    glm::vec3 high{std::numeric_limits<float>::lowest()};

    [[nodiscard]] glm::vec3 extent() const { return high - low; }
};

Box bounds(const std::vector<glm::vec3> &points) {
    Box box;
    for (const glm::vec3 &point : points) {
        box.low = glm::min(box.low, point);
        box.high = glm::max(box.high, point);
    }
    return box;
}

struct PositionHash {
    std::size_t operator()(const glm::vec3 &p) const {
        std::array<std::uint32_t, 3> bits{};
        std::memcpy(bits.data(), &p, sizeof(bits));
        return bits[0] * 73856093U ^ bits[1] * 19349663U ^ bits[2] * 83492791U;
    }
};

// Files split vertices along texture seams; light must not show the seam.
std::vector<glm::vec3> smooth_normals(const Model &model) {
    std::unordered_map<glm::vec3, glm::vec3, PositionHash> sums;
    for (std::size_t i = 0; i + 2 < model.indices.size(); i += 3) {
        const glm::vec3 a = model.positions[model.indices[i]];
        const glm::vec3 b = model.positions[model.indices[i + 1]];
        const glm::vec3 c = model.positions[model.indices[i + 2]];
        const glm::vec3 area = glm::cross(b - a, c - a);
        sums[a] += area;
        sums[b] += area;
        sums[c] += area;
    }
    std::vector<glm::vec3> normals(model.positions.size());
    for (std::size_t i = 0; i < normals.size(); i++)
        normals[i] = sums[model.positions[i]];
    return normals;
}

// A slanted projection: no seam, and no face of the model is edge on to it.
glm::vec2 projected_uv(glm::vec3 p) {
    return {p.x + 0.45F * p.z, 1.0F - p.y + 0.35F * p.z};
}

Model merge_cells(const Model &model, int cells) {
    const Box box = bounds(model.positions);
    const glm::vec3 extent = box.extent();
    const float cell = std::max({extent.x, extent.y, extent.z, 1e-6F}) /
                       static_cast<float>(cells);

    Model out;
    std::unordered_map<std::uint64_t, std::uint32_t> cell_vertex;
    std::vector<float> weight;
    std::vector<std::uint32_t> target(model.positions.size());
    for (std::size_t i = 0; i < model.positions.size(); i++) {
        const glm::vec3 at = (model.positions[i] - box.low) / cell;
        const auto x = static_cast<std::uint64_t>(at.x);
        const auto y = static_cast<std::uint64_t>(at.y);
        const auto z = static_cast<std::uint64_t>(at.z);
        const auto [slot, fresh] = cell_vertex.try_emplace(
            x << 40 | y << 20 | z, static_cast<std::uint32_t>(weight.size()));
        if (fresh) {
            out.positions.emplace_back(0.0F);
            if (!model.uvs.empty())
                out.uvs.emplace_back(0.0F);
            weight.push_back(0.0F);
        }
        const std::uint32_t to = slot->second;
        target[i] = to;
        out.positions[to] += model.positions[i];
        if (!model.uvs.empty())
            out.uvs[to] += model.uvs[i];
        weight[to] += 1.0F;
    }
    for (std::size_t i = 0; i < weight.size(); i++) {
        out.positions[i] /= weight[i];
        if (!out.uvs.empty())
            out.uvs[i] /= weight[i];
    }
    for (std::size_t i = 0; i + 2 < model.indices.size(); i += 3) {
        const std::uint32_t a = target[model.indices[i]];
        const std::uint32_t b = target[model.indices[i + 1]];
        const std::uint32_t c = target[model.indices[i + 2]];
        if (a != b && b != c && a != c)
            out.indices.insert(out.indices.end(), {a, b, c});
    }
    return out;
}

} // namespace

std::array<std::int8_t, 4> pack_normal(glm::vec3 normal) {
    const float length = glm::length(normal);
    const glm::vec3 unit =
        length > 0.0F ? normal / length : glm::vec3(0.0F, 1.0F, 0.0F);
    const auto pack = [](float v) {
        return static_cast<std::int8_t>(std::lround(v * 127.0F));
    };
    return {pack(unit.x), pack(unit.y), pack(unit.z), 0};
}

std::array<std::uint8_t, 4> pack_colour(glm::vec3 colour) {
    const auto pack = [](float v) {
        return static_cast<std::uint8_t>(
            std::lround(std::clamp(v, 0.0F, 1.0F) * 255.0F));
    };
    return {pack(colour.x), pack(colour.y), pack(colour.z), 255};
}

void stand_upright(Model &model, Up up) {
    if (up == Up::Z) {
        for (glm::vec3 &p : model.positions)
            p = {p.x, p.z, -p.y};
    }
    const Box box = bounds(model.positions);
    const glm::vec3 extent = box.extent();
    const float largest = std::max({extent.x, extent.y, extent.z, 1e-6F});
    const glm::vec3 origin{(box.low.x + box.high.x) / 2, box.low.y,
                           (box.low.z + box.high.z) / 2};
    for (glm::vec3 &p : model.positions)
        p = (p - origin) / largest;
}

Model reduce(const Model &model, std::size_t max_triangles) {
    if (model.indices.size() / 3 <= max_triangles)
        return model;
    for (int cells = 96; cells > 2; cells = cells * 7 / 8) {
        Model merged = merge_cells(model, cells);
        if (!merged.indices.empty() &&
            merged.indices.size() / 3 <= max_triangles)
            return merged;
    }
    return merge_cells(model, 2);
}

Mesh to_mesh(const Model &model, bool flat) {
    const auto uv_of = [&](std::uint32_t index) {
        return model.uvs.empty() ? projected_uv(model.positions[index])
                                 : model.uvs[index];
    };
    const auto white = pack_colour(glm::vec3(1.0F));

    Mesh mesh;
    if (flat) {
        for (std::size_t i = 0; i + 2 < model.indices.size(); i += 3) {
            const std::uint32_t *corner = &model.indices[i];
            const glm::vec3 a = model.positions[corner[0]];
            const auto normal =
                pack_normal(glm::cross(model.positions[corner[1]] - a,
                                       model.positions[corner[2]] - a));
            for (int k = 0; k < 3; k++) {
                mesh.indices.push_back(
                    static_cast<std::uint32_t>(mesh.vertices.size()));
                mesh.vertices.push_back({model.positions[corner[k]],
                                         uv_of(corner[k]), normal, white});
            }
        }
        return mesh;
    }
    const std::vector<glm::vec3> normals = smooth_normals(model);
    mesh.vertices.reserve(model.positions.size());
    for (std::uint32_t i = 0; i < model.positions.size(); i++)
        mesh.vertices.push_back(
            {model.positions[i], uv_of(i), pack_normal(normals[i]), white});
    mesh.indices = model.indices;
    return mesh;
}

} // namespace gallery
