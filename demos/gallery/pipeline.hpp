// SPDX-License-Identifier: MIT
// How triangles become pixels: shaders, states and layouts. Knows nothing of
// what is drawn.
#pragma once

#include <cstdint>

#include <glm/mat4x4.hpp>
#include <glm/vec4.hpp>

#include "vulkan.hpp"

namespace gallery {

constexpr VkFormat kFrameFormat =
    VK_FORMAT_B8G8R8A8_UNORM; // XRGB8888 to a display
constexpr VkFormat kDepthFormat = VK_FORMAT_D32_SFLOAT;

// As the vertex shader reads it.
struct Push {
    glm::mat4 to_clip;
    glm::vec4 turn_shine;
};

class Pipeline {
public:
    // width, height: of a frame, pixels; textures: most sets that it makes.
    Pipeline(const Vulkan &vulkan, int width, int height,
             std::uint32_t textures);
    Pipeline(const Pipeline &) = delete;
    Pipeline &operator=(const Pipeline &) = delete;
    ~Pipeline();

    // A set for one texture at binding 0; goes with the pipeline.
    [[nodiscard]] VkDescriptorSet make_set() const;

    [[nodiscard]] VkPipeline get() const { return pipeline_; }
    [[nodiscard]] VkPipelineLayout layout() const { return layout_; }

private:
    void make(int width, int height);

    VkDevice device_;
    VkSampler sampler_ = VK_NULL_HANDLE;
    VkDescriptorSetLayout set_layout_ = VK_NULL_HANDLE;
    VkDescriptorPool set_pool_ = VK_NULL_HANDLE;
    VkPipelineLayout layout_ = VK_NULL_HANDLE;
    VkPipeline pipeline_ = VK_NULL_HANDLE;
};

} // namespace gallery
