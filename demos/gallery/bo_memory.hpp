// SPDX-License-Identifier: MIT
// Vulkan memory that lives in a gpumem buffer.
#pragma once

#include <gpumem/gpumem.hpp>

#include "vulkan.hpp"

namespace gallery {

// Not pinned, whichever way it is imported: lavapipe's accesses go through the
// CPU's page tables, so the kernel may move the pages at any time.
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
    void import_host(const Vulkan &vulkan, std::uint32_t allowed);
    void import_dmabuf(const Vulkan &vulkan, std::uint32_t allowed);

    gpumem::Bo bo_;
    gpumem::Mapping map_;
    VkDevice device_ = VK_NULL_HANDLE;
    VkDeviceMemory memory_ = VK_NULL_HANDLE;
};

} // namespace gallery
