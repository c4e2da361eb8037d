// SPDX-License-Identifier: MIT
#include "mesh.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include <glm/common.hpp>

namespace gallery {
namespace {

// A sheet of n x n squares in the plane z = 0, 2 wide and 4 high.
Model sheet(unsigned n) {
    Model model;
    for (unsigned y = 0; y <= n; y++)
        for (unsigned x = 0; x <= n; x++)
            model.positions.emplace_back(
                2.0F * static_cast<float>(x) / static_cast<float>(n),
                4.0F * static_cast<float>(y) / static_cast<float>(n), 0.0F);
    for (unsigned y = 0; y < n; y++)
        for (unsigned x = 0; x < n; x++) {
            const unsigned a = y * (n + 1) + x;
            const unsigned b = a + n + 1;
            model.indices.insert(model.indices.end(),
                                 {a, a + 1, b, b, a + 1, b + 1});
        }
    return model;
}

std::pair<glm::vec3, glm::vec3> bounds(const Model &model) {
    glm::vec3 low = model.positions.at(0);
    glm::vec3 high = low;
    for (const glm::vec3 &p : model.positions) {
        low = glm::min(low, p);
        high = glm::max(high, p);
    }
    return {low, high};
}

TEST(Mesh, StandsOnTheFloorInABoxOfOne) {
    Model model = sheet(4);
    stand_upright(model, Up::Y);
    const auto [low, high] = bounds(model);
    EXPECT_NEAR(low.y, 0, 1e-5);
    EXPECT_NEAR(high.y, 1, 1e-5);
    EXPECT_NEAR(low.x, -high.x, 1e-5);
}

TEST(Mesh, ModelThatLiesIsTurnedUpright) {
    Model model = sheet(4);
    for (glm::vec3 &p : model.positions)
        p = {p.x, p.z, p.y}; // its height along z
    stand_upright(model, Up::Z);
    const auto [low, high] = bounds(model);
    EXPECT_NEAR(high.y - low.y, 1, 1e-5);
    EXPECT_NEAR(high.z - low.z, 0, 1e-5);
}

TEST(Mesh, ReduceKeepsTheLimitTheShapeAndTheIndicesInRange) {
    const Model whole = sheet(40);
    for (const std::size_t limit : {10U, 100U, 1000U}) {
        const Model less = reduce(whole, limit);
        EXPECT_LE(less.indices.size() / 3, limit);
        EXPECT_GT(less.indices.size(), 0U);
        EXPECT_LT(*std::max_element(less.indices.begin(), less.indices.end()),
                  less.positions.size());
    }
    const auto [low, high] = bounds(reduce(whole, 1000));
    EXPECT_GT(high.x - low.x, 1.5F);
    EXPECT_GT(high.y - low.y, 3.0F);
}

TEST(Mesh, SmallModelIsLeftAsItIs) {
    const Model model = sheet(2);
    const Model same = reduce(model, 8);
    EXPECT_EQ(same.positions, model.positions);
    EXPECT_EQ(same.indices, model.indices);
}

TEST(Mesh, FlatOrSmoothASheetsNormalsPointOneWay) {
    for (const bool flat : {false, true}) {
        const Mesh mesh = to_mesh(sheet(3), flat);
        ASSERT_EQ(mesh.triangles(), 18U);
        for (const std::uint32_t index : mesh.indices) {
            const auto &normal = mesh.vertices.at(index).normal;
            EXPECT_EQ(normal[0], 0);
            EXPECT_EQ(normal[1], 0);
            EXPECT_EQ(normal[2], 127);
        }
    }
}

} // namespace
} // namespace gallery
