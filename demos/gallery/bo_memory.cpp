// SPDX-License-Identifier: MIT
#include "bo_memory.hpp"

#include <utility>

namespace gallery {

BoMemory::BoMemory(const Vulkan &vulkan, const gpumem::Device &device,
                   const VkMemoryRequirements &needs)
    : bo_(device.create(needs.size)), map_(bo_.map()), device_(vulkan.device) {
    if (vulkan.import() == Import::Host)
        import_host(vulkan, needs.memoryTypeBits);
    else
        import_dmabuf(vulkan, needs.memoryTypeBits);
}

void BoMemory::import_host(const Vulkan &vulkan, std::uint32_t allowed) {
    VkMemoryHostPointerPropertiesEXT host{
        VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
    check(vulkan.host_pointer_properties(device_, vulkan.handle_type(),
                                         map_.data(), &host),
          "vkGetMemoryHostPointerPropertiesEXT");
    VkImportMemoryHostPointerInfoEXT import{
        VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT};
    import.handleType = vulkan.handle_type();
    import.pHostPointer = map_.data();
    VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    info.pNext = &import;
    info.allocationSize = bo_.size();
    info.memoryTypeIndex = vulkan.memory_type(allowed & host.memoryTypeBits, 0);
    check(vkAllocateMemory(device_, &info, nullptr, &memory_),
          "vkAllocateMemory of a gpumem buffer");
}

void BoMemory::import_dmabuf(const Vulkan &vulkan, std::uint32_t allowed) {
    gpumem::DmaBuf dmabuf = bo_.export_dmabuf();
    VkMemoryFdPropertiesKHR properties{
        VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    check(vulkan.fd_properties(device_, vulkan.handle_type(), dmabuf.fd(),
                               &properties),
          "vkGetMemoryFdPropertiesKHR");
    VkImportMemoryFdInfoKHR import{VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR};
    import.handleType = vulkan.handle_type();
    import.fd = dmabuf.fd();
    VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    info.pNext = &import;
    info.allocationSize = bo_.size();
    info.memoryTypeIndex =
        vulkan.memory_type(allowed & properties.memoryTypeBits, 0);
    check(vkAllocateMemory(device_, &info, nullptr, &memory_),
          "vkAllocateMemory of a gpumem dma-buf");
    (void)dmabuf.release(); // a successful import owns it
}

BoMemory::BoMemory(BoMemory &&other) noexcept
    : bo_(std::move(other.bo_)), map_(std::move(other.map_)),
      device_(other.device_),
      memory_(std::exchange(other.memory_, VK_NULL_HANDLE)) {}

BoMemory &BoMemory::operator=(BoMemory &&other) noexcept {
    std::swap(bo_, other.bo_);
    std::swap(map_, other.map_);
    std::swap(device_, other.device_);
    std::swap(memory_, other.memory_);
    return *this;
}

BoMemory::~BoMemory() {
    if (memory_)
        vkFreeMemory(device_, memory_, nullptr);
}

} // namespace gallery
