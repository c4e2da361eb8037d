// SPDX-License-Identifier: MIT
// Draws the scene: assets as Vulkan buffers and images, each in a gpumem buffer
// of its own, and the frames, which are gpumem buffers too. Knows nothing of
// displays.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "bo_memory.hpp"
#include "camera.hpp"
#include "frame_view.hpp"
#include "pipeline.hpp"
#include "scene.hpp"
#include "streaming.hpp"

namespace gallery {

struct Frame {
    BoMemory memory;
    VkImage image = VK_NULL_HANDLE;
    VkImageView view = VK_NULL_HANDLE;
    std::uint32_t offset = 0; // of the first row in the buffer, bytes
    std::uint32_t pitch = 0;  // bytes a row
};

class Renderer {
public:
    Renderer(const Vulkan &vulkan, const gpumem::Device &device,
             const Scene &scene, int width, int height, int frames);
    Renderer(const Renderer &) = delete;
    Renderer &operator=(const Renderer &) = delete;
    ~Renderer();

    // Bytes that each asset takes, for the streaming's budget.
    [[nodiscard]] std::vector<AssetInfo> asset_infos() const;

    // Evict and load, then draw what the camera sees into the frame. Returns
    // when it is drawn.
    void draw(const StreamingPlan &plan, const Camera &camera,
              std::size_t frame);

    [[nodiscard]] const Frame &frame(std::size_t i) const { return frames_[i]; }
    [[nodiscard]] FrameView view_of(std::size_t i) const;
    [[nodiscard]] std::size_t buffers() const { return resident_.size(); }
    [[nodiscard]] std::uint64_t buffer_bytes() const;

    // How often the kernel moved a page of the assets and frames, those included
    // that were evicted since.
    [[nodiscard]] std::uint64_t pages_moved() const;

private:
    struct Resident {
        BoMemory memory;
        VkBuffer buffer = VK_NULL_HANDLE;
        VkImage image = VK_NULL_HANDLE;
        VkImageView view = VK_NULL_HANDLE;
    };
    struct Staging {
        VkBuffer buffer = VK_NULL_HANDLE;
        VkDeviceMemory memory = VK_NULL_HANDLE;
    };

    void make_frames(int count);
    void evict(int asset);
    void load(int asset);
    void load_buffer(Resident &resident, const void *data, std::size_t bytes,
                     VkBufferUsageFlags usage);
    void load_texture(int asset, Resident &resident,
                      const TextureAsset &texture);
    VkImage make_image(int width, int height, int levels, VkFormat format,
                       VkImageTiling tiling, VkImageUsageFlags usage,
                       bool external) const;
    VkImageView make_view(VkImage image, VkFormat format,
                          VkImageAspectFlags aspect) const;
    void barrier(VkImage image, VkImageAspectFlags aspect, VkImageLayout from,
                 VkImageLayout to) const;
    void draw_room(std::int64_t number, const Camera &camera);
    void draw_mesh(const MeshPair &mesh, std::uint32_t first,
                   std::uint32_t count, const TexturePair &texture,
                   const Push &push);
    [[nodiscard]] int best(const TexturePair &pair) const;
    void destroy(Resident &resident) const;

    const Vulkan &vulkan_;
    const gpumem::Device &device_;
    const Scene &scene_;
    const int width_, height_;
    const Pipeline pipeline_;
    std::vector<Frame> frames_;
    std::map<int, Resident> resident_;
    std::uint64_t moved_of_evicted_ = 0;
    std::map<int, VkDescriptorSet> sets_; // of textures once loaded
    std::vector<Staging> staging_;        // until the frame is drawn
    VkImage depth_ = VK_NULL_HANDLE;
    VkDeviceMemory depth_memory_ = VK_NULL_HANDLE;
    VkImageView depth_view_ = VK_NULL_HANDLE;
    VkCommandPool command_pool_ = VK_NULL_HANDLE;
    VkCommandBuffer commands_ = VK_NULL_HANDLE;
    VkFence fence_ = VK_NULL_HANDLE;
};

} // namespace gallery
