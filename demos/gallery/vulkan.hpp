// SPDX-License-Identifier: MIT
// The Vulkan device of the demo. Knows nothing of gpumem or of scenes.
#pragma once

#include <vulkan/vulkan.h>

#include <cstdint>
#include <string>

#include "error.hpp"

namespace gallery {

// Turns a failed call into an Error that names it.
void check(VkResult result, const char *call);

// What VK_LAYER_KHRONOS_validation had to say. Outlives the Vulkan that it
// listens to, for the layer also speaks of what was never destroyed.
struct Validation {
    bool wanted = false;
    unsigned messages = 0; // each was printed
};

// What Vulkan imports of a gpumem buffer.
enum class Import : std::uint8_t {
    Host,   // the address of its mapping (VK_EXT_external_memory_host)
    DmaBuf, // its file descriptor (VK_EXT_external_memory_dma_buf)
};

class Vulkan {
public:
    // The CPU device (lavapipe). Throws if it cannot import in this way.
    Vulkan(Validation &validation, Import import);
    Vulkan(const Vulkan &) = delete;
    Vulkan &operator=(const Vulkan &) = delete;
    ~Vulkan();

    [[nodiscard]] Import import() const { return import_; }
    // As images and buffers that live in imported memory name it.
    [[nodiscard]] VkExternalMemoryHandleTypeFlagBits handle_type() const;

    // Throw, naming what it was for, unless such memory can be imported.
    void need_image_import(VkFormat format, VkImageTiling tiling,
                           VkImageUsageFlags usage, const char *what) const;
    void need_buffer_import(VkBufferUsageFlags usage, const char *what) const;

    [[nodiscard]] std::uint32_t memory_type(std::uint32_t allowed,
                                            VkMemoryPropertyFlags wanted) const;
    [[nodiscard]] VkDeviceMemory allocate(const VkMemoryRequirements &needs,
                                          VkMemoryPropertyFlags wanted) const;

    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    VkQueue queue = VK_NULL_HANDLE;
    std::string name;
    // Of the way of importing, the other is null.
    PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties = nullptr;
    PFN_vkGetMemoryFdPropertiesKHR fd_properties = nullptr;

private:
    void make_instance(Validation &validation);
    void choose_physical();
    void make_device();

    [[nodiscard]] Error not_importable(const char *what) const;

    const Import import_;
    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
};

} // namespace gallery
