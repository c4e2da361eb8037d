// SPDX-License-Identifier: MIT
// The Vulkan device of the demo and memory that lives in gpumem buffers. Knows
// nothing of scenes.
#pragma once

#include <vulkan/vulkan.h>

#include <gpumem/gpumem.hpp>

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

class Vulkan {
public:
    // The CPU device (lavapipe).
    explicit Vulkan(Validation &validation);
    Vulkan(const Vulkan &) = delete;
    Vulkan &operator=(const Vulkan &) = delete;
    ~Vulkan();

    [[nodiscard]] std::uint32_t memory_type(std::uint32_t allowed,
                                            VkMemoryPropertyFlags wanted) const;
    [[nodiscard]] VkDeviceMemory allocate(const VkMemoryRequirements &needs,
                                          VkMemoryPropertyFlags wanted) const;

    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    VkQueue queue = VK_NULL_HANDLE;
    std::string name;
    PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties = nullptr;

private:
    void make_instance(Validation &validation);
    void choose_physical();
    void make_device();

    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
};

// A gpumem buffer that Vulkan uses through its mapping. Not pinned: lavapipe's
// accesses go through the CPU's page tables, so the kernel may move the pages
// at any time.
class BoMemory {
public:
    BoMemory() = default;
    BoMemory(const Vulkan &vulkan, const gpumem::Device &device,
             const VkMemoryRequirements &needs);
    BoMemory(BoMemory &&other) noexcept;
    BoMemory &operator=(BoMemory &&other) noexcept;
    ~BoMemory();

    [[nodiscard]] VkDeviceMemory get() const { return memory_; }
    [[nodiscard]] const gpumem::Bo &bo() const { return bo_; }
    [[nodiscard]] std::byte *data() const { return map_.data(); }

private:
    gpumem::Bo bo_;
    gpumem::Mapping map_;
    VkDevice device_ = VK_NULL_HANDLE;
    VkDeviceMemory memory_ = VK_NULL_HANDLE;
};

} // namespace gallery
