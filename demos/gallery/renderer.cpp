// SPDX-License-Identifier: MIT
#include "renderer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <glm/gtc/matrix_transform.hpp>

namespace gallery {

namespace {

constexpr VkFormat kTextureFormat = VK_FORMAT_R8G8B8A8_UNORM;
constexpr VkImageUsageFlags kTextureUsage =
    VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;

std::uint32_t texture_count(const Scene &scene) {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(scene.assets(), [](const Asset &asset) {
            return std::holds_alternative<TextureAsset>(asset.content);
        }));
}

} // namespace

Renderer::Renderer(const Vulkan &vulkan, const gpumem::Device &device,
                   const Scene &scene, int width, int height, int frames)
    : vulkan_(vulkan), device_(device), scene_(scene), width_(width),
      height_(height), pipeline_(vulkan, width, height, texture_count(scene)) {
    vulkan.need_image_import(kFrameFormat, VK_IMAGE_TILING_LINEAR,
                             VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, "frames");
    vulkan.need_image_import(kTextureFormat, VK_IMAGE_TILING_OPTIMAL,
                             kTextureUsage, "textures");
    vulkan.need_buffer_import(VK_BUFFER_USAGE_VERTEX_BUFFER_BIT, "vertices");
    vulkan.need_buffer_import(VK_BUFFER_USAGE_INDEX_BUFFER_BIT, "indices");
    VkCommandPoolCreateInfo pool{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    pool.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
    check(vkCreateCommandPool(vulkan.device, &pool, nullptr, &command_pool_),
          "vkCreateCommandPool");
    VkCommandBufferAllocateInfo buffers{
        VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
    buffers.commandPool = command_pool_;
    buffers.commandBufferCount = 1;
    check(vkAllocateCommandBuffers(vulkan.device, &buffers, &commands_),
          "vkAllocateCommandBuffers");
    VkFenceCreateInfo fence{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    check(vkCreateFence(vulkan.device, &fence, nullptr, &fence_),
          "vkCreateFence");
    make_frames(frames);
}

Renderer::~Renderer() {
    VkDevice device = vulkan_.device;
    vkDeviceWaitIdle(device);
    for (auto &[asset, resident] : resident_)
        destroy(resident);
    resident_.clear();
    for (Frame &frame : frames_) {
        vkDestroyImageView(device, frame.view, nullptr);
        vkDestroyImage(device, frame.image, nullptr);
    }
    frames_.clear();
    vkDestroyImageView(device, depth_view_, nullptr);
    vkDestroyImage(device, depth_, nullptr);
    vkFreeMemory(device, depth_memory_, nullptr);
    vkDestroyFence(device, fence_, nullptr);
    vkDestroyCommandPool(device, command_pool_, nullptr);
}

VkImage Renderer::make_image(int width, int height, int levels, VkFormat format,
                             VkImageTiling tiling, VkImageUsageFlags usage,
                             bool external) const {
    VkExternalMemoryImageCreateInfo host{
        VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO};
    host.handleTypes = vulkan_.handle_type();
    VkImageCreateInfo info{VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO};
    info.pNext = external ? &host : nullptr;
    info.imageType = VK_IMAGE_TYPE_2D;
    info.format = format;
    info.extent = {static_cast<std::uint32_t>(width),
                   static_cast<std::uint32_t>(height), 1};
    info.mipLevels = static_cast<std::uint32_t>(levels);
    info.arrayLayers = 1;
    info.samples = VK_SAMPLE_COUNT_1_BIT;
    info.tiling = tiling;
    info.usage = usage;
    VkImage image = VK_NULL_HANDLE;
    check(vkCreateImage(vulkan_.device, &info, nullptr, &image),
          "vkCreateImage");
    return image;
}

VkImageView Renderer::make_view(VkImage image, VkFormat format,
                                VkImageAspectFlags aspect) const {
    VkImageViewCreateInfo info{VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO};
    info.image = image;
    info.viewType = VK_IMAGE_VIEW_TYPE_2D;
    info.format = format;
    info.subresourceRange = {aspect, 0, VK_REMAINING_MIP_LEVELS, 0, 1};
    VkImageView view = VK_NULL_HANDLE;
    check(vkCreateImageView(vulkan_.device, &info, nullptr, &view),
          "vkCreateImageView");
    return view;
}

void Renderer::make_frames(int count) {
    VkMemoryRequirements needs{};
    for (int i = 0; i < count; i++) {
        Frame &frame = frames_.emplace_back();
        frame.image =
            make_image(width_, height_, 1, kFrameFormat, VK_IMAGE_TILING_LINEAR,
                       VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, true);
        vkGetImageMemoryRequirements(vulkan_.device, frame.image, &needs);
        frame.memory = BoMemory(vulkan_, device_, needs);
        check(vkBindImageMemory(vulkan_.device, frame.image, frame.memory.get(),
                                0),
              "vkBindImageMemory");
        frame.view =
            make_view(frame.image, kFrameFormat, VK_IMAGE_ASPECT_COLOR_BIT);
        const VkImageSubresource first{VK_IMAGE_ASPECT_COLOR_BIT, 0, 0};
        VkSubresourceLayout rows{};
        vkGetImageSubresourceLayout(vulkan_.device, frame.image, &first, &rows);
        frame.offset = static_cast<std::uint32_t>(rows.offset);
        frame.pitch = static_cast<std::uint32_t>(rows.rowPitch);
    }
    depth_ =
        make_image(width_, height_, 1, kDepthFormat, VK_IMAGE_TILING_OPTIMAL,
                   VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT, false);
    vkGetImageMemoryRequirements(vulkan_.device, depth_, &needs);
    depth_memory_ =
        vulkan_.allocate(needs, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    check(vkBindImageMemory(vulkan_.device, depth_, depth_memory_, 0),
          "vkBindImageMemory");
    depth_view_ = make_view(depth_, kDepthFormat, VK_IMAGE_ASPECT_DEPTH_BIT);
}

std::vector<AssetInfo> Renderer::asset_infos() const {
    std::vector<AssetInfo> infos;
    for (const Asset &asset : scene_.assets()) {
        std::uint64_t bytes = 0;
        if (const auto *texture = std::get_if<TextureAsset>(&asset.content)) {
            VkImage image = make_image(
                texture->size, texture->size, mip_levels(texture->size),
                kTextureFormat, VK_IMAGE_TILING_OPTIMAL, kTextureUsage, true);
            VkMemoryRequirements needs{};
            vkGetImageMemoryRequirements(vulkan_.device, image, &needs);
            vkDestroyImage(vulkan_.device, image, nullptr);
            bytes = needs.size;
        } else if (const auto *vertices =
                       std::get_if<VertexAsset>(&asset.content)) {
            bytes = vertices->mesh->vertices.size() * sizeof(Vertex);
        } else {
            bytes = std::get<IndexAsset>(asset.content).mesh->indices.size() *
                    sizeof(std::uint32_t);
        }
        infos.push_back(
            {asset.room, asset.detail, (bytes + 4095) / 4096 * 4096});
    }
    return infos;
}

std::uint64_t Renderer::buffer_bytes() const {
    std::uint64_t sum = 0;
    for (const auto &[asset, resident] : resident_)
        sum += resident.memory.bo().size();
    return sum;
}

std::uint64_t Renderer::pages_moved() const {
    std::uint64_t sum = moved_of_evicted_;
    for (const auto &[asset, resident] : resident_)
        sum += resident.memory.bo().query().moved;
    for (const Frame &frame : frames_)
        sum += frame.memory.bo().query().moved;
    return sum;
}

FrameView Renderer::view_of(std::size_t i) const {
    const Frame &frame = frames_[i];
    const std::size_t bytes =
        std::size_t{frame.pitch} * static_cast<std::size_t>(height_);
    return {width_,
            height_,
            frame.pitch,
            {frame.memory.data() + frame.offset, bytes}};
}

void Renderer::destroy(Resident &resident) const {
    vkDestroyImageView(vulkan_.device, resident.view, nullptr);
    vkDestroyImage(vulkan_.device, resident.image, nullptr);
    vkDestroyBuffer(vulkan_.device, resident.buffer, nullptr);
}

void Renderer::evict(int asset) {
    const auto found = resident_.find(asset);
    moved_of_evicted_ += found->second.memory.bo().query().moved;
    destroy(found->second);
    resident_.erase(found);
}

void Renderer::load(int asset) {
    const auto &content =
        scene_.assets()[static_cast<std::size_t>(asset)].content;
    Resident &resident = resident_[asset];
    if (const auto *texture = std::get_if<TextureAsset>(&content)) {
        load_texture(asset, resident, *texture);
    } else if (const auto *vertices = std::get_if<VertexAsset>(&content)) {
        const auto &data = vertices->mesh->vertices;
        load_buffer(resident, data.data(), data.size() * sizeof(data[0]),
                    VK_BUFFER_USAGE_VERTEX_BUFFER_BIT);
    } else {
        const auto &data = std::get<IndexAsset>(content).mesh->indices;
        load_buffer(resident, data.data(), data.size() * sizeof(data[0]),
                    VK_BUFFER_USAGE_INDEX_BUFFER_BIT);
    }
}

void Renderer::load_buffer(Resident &resident, const void *data,
                           std::size_t bytes, VkBufferUsageFlags usage) {
    VkExternalMemoryBufferCreateInfo host{
        VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO};
    host.handleTypes = vulkan_.handle_type();
    VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    info.pNext = &host;
    info.size = bytes;
    info.usage = usage;
    check(vkCreateBuffer(vulkan_.device, &info, nullptr, &resident.buffer),
          "vkCreateBuffer");
    VkMemoryRequirements needs{};
    vkGetBufferMemoryRequirements(vulkan_.device, resident.buffer, &needs);
    resident.memory = BoMemory(vulkan_, device_, needs);
    check(vkBindBufferMemory(vulkan_.device, resident.buffer,
                             resident.memory.get(), 0),
          "vkBindBufferMemory");
    std::memcpy(resident.memory.data(), data, bytes);
}

void Renderer::barrier(VkImage image, VkImageAspectFlags aspect,
                       VkImageLayout from, VkImageLayout to) const {
    VkImageMemoryBarrier change{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
    change.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    change.dstAccessMask =
        VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
    change.oldLayout = from;
    change.newLayout = to;
    change.srcQueueFamilyIndex = change.dstQueueFamilyIndex =
        VK_QUEUE_FAMILY_IGNORED;
    change.image = image;
    change.subresourceRange = {aspect, 0, VK_REMAINING_MIP_LEVELS, 0, 1};
    vkCmdPipelineBarrier(commands_, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT |
                             VK_PIPELINE_STAGE_HOST_BIT,
                         0, 0, nullptr, 0, nullptr, 1, &change);
}

void Renderer::load_texture(int asset, Resident &resident,
                            const TextureAsset &texture) {
    VkDevice device = vulkan_.device;
    const int levels = mip_levels(texture.size);
    resident.image =
        make_image(texture.size, texture.size, levels, kTextureFormat,
                   VK_IMAGE_TILING_OPTIMAL, kTextureUsage, true);
    VkMemoryRequirements needs{};
    vkGetImageMemoryRequirements(device, resident.image, &needs);
    resident.memory = BoMemory(vulkan_, device_, needs);
    check(vkBindImageMemory(device, resident.image, resident.memory.get(), 0),
          "vkBindImageMemory");
    resident.view =
        make_view(resident.image, kTextureFormat, VK_IMAGE_ASPECT_COLOR_BIT);

    std::vector<Pixel> pixels;
    std::vector<VkBufferImageCopy> copies;
    Image level = render_recipe(scene_.picture(texture.recipe.source),
                                texture.recipe, texture.size);
    for (int i = 0; i < levels; i++) {
        VkBufferImageCopy copy{};
        copy.bufferOffset = pixels.size() * sizeof(Pixel);
        copy.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT,
                                 static_cast<std::uint32_t>(i), 0, 1};
        copy.imageExtent = {static_cast<std::uint32_t>(level.width),
                            static_cast<std::uint32_t>(level.height), 1};
        copies.push_back(copy);
        pixels.insert(pixels.end(), level.pixels.begin(), level.pixels.end());
        level = half_size(level);
    }

    Staging &staging = staging_.emplace_back();
    VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    info.size = pixels.size() * sizeof(Pixel);
    info.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT;
    check(vkCreateBuffer(device, &info, nullptr, &staging.buffer),
          "vkCreateBuffer");
    vkGetBufferMemoryRequirements(device, staging.buffer, &needs);
    staging.memory =
        vulkan_.allocate(needs, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                    VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    check(vkBindBufferMemory(device, staging.buffer, staging.memory, 0),
          "vkBindBufferMemory");
    void *mapped = nullptr;
    check(vkMapMemory(device, staging.memory, 0, VK_WHOLE_SIZE, 0, &mapped),
          "vkMapMemory");
    std::memcpy(mapped, pixels.data(), info.size);

    barrier(resident.image, VK_IMAGE_ASPECT_COLOR_BIT,
            VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    vkCmdCopyBufferToImage(commands_, staging.buffer, resident.image,
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                           static_cast<std::uint32_t>(copies.size()),
                           copies.data());
    barrier(resident.image, VK_IMAGE_ASPECT_COLOR_BIT,
            VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
            VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);

    const VkDescriptorImageInfo picture{
        VK_NULL_HANDLE, resident.view,
        VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL};
    VkWriteDescriptorSet write{VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
    VkDescriptorSet &set = sets_[asset];
    if (!set)
        set = pipeline_.make_set();
    write.dstSet = set;
    write.descriptorCount = 1;
    write.descriptorType = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER;
    write.pImageInfo = &picture;
    vkUpdateDescriptorSets(device, 1, &write, 0, nullptr);
}

int Renderer::best(const TexturePair &pair) const {
    if (resident_.contains(pair.high))
        return pair.high;
    return resident_.contains(pair.low) ? pair.low : -1;
}

void Renderer::draw_mesh(const MeshPair &mesh, std::uint32_t first,
                         std::uint32_t count, const TexturePair &texture,
                         const Push &push) {
    const int picture = best(texture);
    if (picture < 0)
        return;
    const VkDeviceSize start = 0;
    vkCmdBindVertexBuffers(commands_, 0, 1, &resident_.at(mesh.vertices).buffer,
                           &start);
    vkCmdBindIndexBuffer(commands_, resident_.at(mesh.indices).buffer, 0,
                         VK_INDEX_TYPE_UINT32);
    vkCmdBindDescriptorSets(commands_, VK_PIPELINE_BIND_POINT_GRAPHICS,
                            pipeline_.layout(), 0, 1, &sets_.at(picture), 0,
                            nullptr);
    vkCmdPushConstants(commands_, pipeline_.layout(),
                       VK_SHADER_STAGE_VERTEX_BIT, 0, sizeof(push), &push);
    vkCmdDrawIndexed(commands_, count, 1, first, 0, 0);
}

void Renderer::draw_room(std::int64_t number, const Camera &camera) {
    const Room &room =
        scene_.rooms()[static_cast<std::size_t>(number % kRooms)];
    const auto there = [&](const MeshPair &mesh) {
        return resident_.contains(mesh.vertices) &&
               resident_.contains(mesh.indices);
    };
    if (!there(room.shell))
        return;
    const glm::vec3 place{
        0, 0, static_cast<float>(camera.room - number) * kRoomLength};
    const glm::mat4 to_clip =
        camera.view_projection * glm::translate(glm::mat4(1.0F), place);

    std::size_t picture = 0;
    for (const RoomPart &part : room.shape.parts) {
        const TexturePair *texture = &room.plaster;
        if (part.surface == Surface::Floor)
            texture = &room.floor;
        else if (part.surface == Surface::Wall)
            texture = &room.wall;
        else if (part.surface == Surface::Picture)
            texture = &room.pictures.at(picture++);
        draw_mesh(room.shell, part.first_index, part.index_count, *texture,
                  {to_clip, glm::vec4(0)});
    }
    const auto places = exhibit_places();
    for (std::size_t i = 0; i < room.exhibits.size(); i++) {
        const Exhibit &exhibit = room.exhibits[i];
        const MeshPair &mesh = there(exhibit.high) ? exhibit.high : exhibit.low;
        if (!there(mesh))
            continue;
        glm::mat4 model = glm::translate(
            to_clip, places[i] + glm::vec3(0, kPedestalHeight, 0));
        model = glm::rotate(model, exhibit.turn, glm::vec3(0, 1, 0));
        model = glm::scale(model, glm::vec3(exhibit.scale));
        const auto &content =
            scene_.assets()[static_cast<std::size_t>(mesh.indices)].content;
        const auto count = static_cast<std::uint32_t>(
            std::get<IndexAsset>(content).mesh->indices.size());
        const glm::vec4 turn{std::cos(exhibit.turn), std::sin(exhibit.turn),
                             exhibit.shine, 1};
        draw_mesh(mesh, 0, count, exhibit.texture, {model, turn});
    }
}

void Renderer::draw(const StreamingPlan &plan, const Camera &camera,
                    std::size_t index) {
    Frame &frame = frames_[index];
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    check(vkBeginCommandBuffer(commands_, &begin), "vkBeginCommandBuffer");
    for (int asset : plan.evict)
        evict(asset);
    for (int asset : plan.load)
        load(asset);
    barrier(frame.image, VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
            VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
    barrier(depth_, VK_IMAGE_ASPECT_DEPTH_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
            VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL);

    VkRenderingAttachmentInfo colour{
        VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO};
    colour.imageView = frame.view;
    colour.imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
    colour.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR;
    colour.storeOp = VK_ATTACHMENT_STORE_OP_STORE;
    colour.clearValue.color = {{0.93F, 0.90F, 0.84F, 1.0F}};
    VkRenderingAttachmentInfo depth{
        VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO};
    depth.imageView = depth_view_;
    depth.imageLayout = VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL;
    depth.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR;
    depth.clearValue.depthStencil = {1.0F, 0};
    VkRenderingInfo pass{VK_STRUCTURE_TYPE_RENDERING_INFO};
    pass.renderArea.extent = {static_cast<std::uint32_t>(width_),
                              static_cast<std::uint32_t>(height_)};
    pass.layerCount = 1;
    pass.colorAttachmentCount = 1;
    pass.pColorAttachments = &colour;
    pass.pDepthAttachment = &depth;
    vkCmdBeginRendering(commands_, &pass);
    vkCmdBindPipeline(commands_, VK_PIPELINE_BIND_POINT_GRAPHICS,
                      pipeline_.get());
    // Near rooms first: what they hide is not shaded.
    for (std::int64_t ahead = 0; ahead <= 5; ahead++)
        draw_room(camera.room + ahead, camera);
    vkCmdEndRendering(commands_);
    // The readers, CPU and vkms, are no part of Vulkan.
    barrier(frame.image, VK_IMAGE_ASPECT_COLOR_BIT,
            VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, VK_IMAGE_LAYOUT_GENERAL);
    check(vkEndCommandBuffer(commands_), "vkEndCommandBuffer");

    VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    submit.commandBufferCount = 1;
    submit.pCommandBuffers = &commands_;
    check(vkQueueSubmit(vulkan_.queue, 1, &submit, fence_), "vkQueueSubmit");
    check(vkWaitForFences(vulkan_.device, 1, &fence_, VK_TRUE, UINT64_MAX),
          "vkWaitForFences");
    check(vkResetFences(vulkan_.device, 1, &fence_), "vkResetFences");
    for (Staging &staging : staging_) {
        vkDestroyBuffer(vulkan_.device, staging.buffer, nullptr);
        vkFreeMemory(vulkan_.device, staging.memory, nullptr);
    }
    staging_.clear();
}

} // namespace gallery
