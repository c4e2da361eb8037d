// SPDX-License-Identifier: MIT
#include "vulkan.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace gallery {

namespace {

constexpr const char *kLayer = "VK_LAYER_KHRONOS_validation";

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(
    VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
    const VkDebugUtilsMessengerCallbackDataEXT *message, void *validation) {
    std::fprintf(stderr, "gpumem-gallery: validation: %s\n", message->pMessage);
    static_cast<Validation *>(validation)->messages++;
    return VK_FALSE;
}

} // namespace

void check(VkResult result, const char *call) {
    if (result < 0)
        throw Error(std::string(call) + " failed: VkResult " +
                    std::to_string(result));
}

Vulkan::Vulkan(Validation &validation, Import import) : import_(import) {
    make_instance(validation);
    choose_physical();
    make_device();
}

void Vulkan::make_instance(Validation &validation) {
    // The same instructions whatever the processor offers: pictures must not
    // depend on it. (AVX2 as QEMU 7.2 emulates it even filters wrongly.)
    ::setenv("GALLIUM_OVERRIDE_CPU_CAPS", "sse4.1", 0);
    VkApplicationInfo app{VK_STRUCTURE_TYPE_APPLICATION_INFO};
    app.pApplicationName = "gpumem-gallery";
    app.apiVersion = VK_API_VERSION_1_3;
    // Hazards between commands too, not only each command by itself.
    const auto hazards =
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT features{VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT};
    features.enabledValidationFeatureCount = 1;
    features.pEnabledValidationFeatures = &hazards;
    VkDebugUtilsMessengerCreateInfoEXT listen{
        VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
    listen.pNext = &features;
    listen.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                             VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    listen.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                         VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
    listen.pfnUserCallback = on_message;
    listen.pUserData = &validation;
    VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    info.pApplicationInfo = &app;
    const std::array<const char *, 2> extensions{
        VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
        VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    if (validation.wanted) {
        info.pNext = &listen; // for what it says of the instance itself
        info.enabledLayerCount = 1;
        info.ppEnabledLayerNames = &kLayer;
        info.enabledExtensionCount =
            static_cast<std::uint32_t>(extensions.size());
        info.ppEnabledExtensionNames = extensions.data();
    }
    const VkResult made = vkCreateInstance(&info, nullptr, &instance);
    if (made == VK_ERROR_LAYER_NOT_PRESENT)
        throw Error("--validate needs the package vulkan-validationlayers");
    check(made, "vkCreateInstance");
    if (!validation.wanted)
        return;
    listen.pNext = nullptr;
    const auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
        vkGetInstanceProcAddr(instance, "vkCreateDebugUtilsMessengerEXT"));
    check(create(instance, &listen, nullptr, &messenger_),
          "vkCreateDebugUtilsMessengerEXT");
}

void Vulkan::choose_physical() {
    std::uint32_t count = 0;
    check(vkEnumeratePhysicalDevices(instance, &count, nullptr),
          "vkEnumeratePhysicalDevices");
    std::vector<VkPhysicalDevice> all(count);
    check(vkEnumeratePhysicalDevices(instance, &count, all.data()),
          "vkEnumeratePhysicalDevices");
    for (VkPhysicalDevice one : all) {
        VkPhysicalDeviceProperties properties{};
        vkGetPhysicalDeviceProperties(one, &properties);
        if (!physical && properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU) {
            physical = one;
            name = properties.deviceName;
        }
    }
    if (!physical)
        throw Error("no Vulkan device of type CPU: install "
                    "mesa-vulkan-drivers (lavapipe)");
}

void Vulkan::make_device() {
    const float priority = 1.0F;
    VkDeviceQueueCreateInfo queues{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queues.queueCount = 1;
    queues.pQueuePriorities = &priority;
    VkPhysicalDeviceVulkan13Features features{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    features.dynamicRendering = VK_TRUE;
    const std::vector<const char *> extensions =
        import_ == Import::Host
            ? std::vector{VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME}
            : std::vector{VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                          VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME};
    VkDeviceCreateInfo make{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    make.pNext = &features;
    make.queueCreateInfoCount = 1;
    make.pQueueCreateInfos = &queues;
    make.enabledExtensionCount = static_cast<std::uint32_t>(extensions.size());
    make.ppEnabledExtensionNames = extensions.data();
    const VkResult made = vkCreateDevice(physical, &make, nullptr, &device);
    if (made == VK_ERROR_EXTENSION_NOT_PRESENT)
        throw Error("the Vulkan device lacks " +
                    std::string(extensions.back()) + "; try another --import");
    check(made, "vkCreateDevice");
    vkGetDeviceQueue(device, 0, 0, &queue);
    if (import_ == Import::Host)
        host_pointer_properties =
            reinterpret_cast<PFN_vkGetMemoryHostPointerPropertiesEXT>(
                vkGetDeviceProcAddr(device,
                                    "vkGetMemoryHostPointerPropertiesEXT"));
    else
        fd_properties = reinterpret_cast<PFN_vkGetMemoryFdPropertiesKHR>(
            vkGetDeviceProcAddr(device, "vkGetMemoryFdPropertiesKHR"));
}

VkExternalMemoryHandleTypeFlagBits Vulkan::handle_type() const {
    return import_ == Import::Host
               ? VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
               : VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
}

Error Vulkan::not_importable(const char *what) const {
    return Error(name + " cannot use " +
                 (import_ == Import::Host ? "host pointers" : "dma-bufs") +
                 " for " + what + "; try another --import");
}

void Vulkan::need_image_import(VkFormat format, VkImageTiling tiling,
                               VkImageUsageFlags usage,
                               const char *what) const {
    VkPhysicalDeviceExternalImageFormatInfo from{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO};
    from.handleType = handle_type();
    VkPhysicalDeviceImageFormatInfo2 image{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2};
    image.pNext = &from;
    image.format = format;
    image.type = VK_IMAGE_TYPE_2D;
    image.tiling = tiling;
    image.usage = usage;
    VkExternalImageFormatProperties external{
        VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES};
    VkImageFormatProperties2 properties{
        VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2};
    properties.pNext = &external;
    const VkResult asked = vkGetPhysicalDeviceImageFormatProperties2(
        physical, &image, &properties);
    if (asked == VK_ERROR_FORMAT_NOT_SUPPORTED ||
        !(external.externalMemoryProperties.externalMemoryFeatures &
          VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT))
        throw not_importable(what);
    check(asked, "vkGetPhysicalDeviceImageFormatProperties2");
}

void Vulkan::need_buffer_import(VkBufferUsageFlags usage,
                                const char *what) const {
    VkPhysicalDeviceExternalBufferInfo buffer{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO};
    buffer.usage = usage;
    buffer.handleType = handle_type();
    VkExternalBufferProperties external{
        VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    vkGetPhysicalDeviceExternalBufferProperties(physical, &buffer, &external);
    if (!(external.externalMemoryProperties.externalMemoryFeatures &
          VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT))
        throw not_importable(what);
}

Vulkan::~Vulkan() {
    if (device)
        vkDestroyDevice(device, nullptr);
    if (messenger_) {
        const auto destroy =
            reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
                vkGetInstanceProcAddr(instance,
                                      "vkDestroyDebugUtilsMessengerEXT"));
        destroy(instance, messenger_, nullptr);
    }
    if (instance)
        vkDestroyInstance(instance, nullptr);
}

std::uint32_t Vulkan::memory_type(std::uint32_t allowed,
                                  VkMemoryPropertyFlags wanted) const {
    VkPhysicalDeviceMemoryProperties types{};
    vkGetPhysicalDeviceMemoryProperties(physical, &types);
    for (std::uint32_t i = 0; i < types.memoryTypeCount; i++)
        if ((allowed >> i & 1) &&
            (types.memoryTypes[i].propertyFlags & wanted) == wanted)
            return i;
    throw Error("the Vulkan device has no memory type that fits");
}

VkDeviceMemory Vulkan::allocate(const VkMemoryRequirements &needs,
                                VkMemoryPropertyFlags wanted) const {
    VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    info.allocationSize = needs.size;
    info.memoryTypeIndex = memory_type(needs.memoryTypeBits, wanted);
    VkDeviceMemory memory = VK_NULL_HANDLE;
    check(vkAllocateMemory(device, &info, nullptr, &memory),
          "vkAllocateMemory");
    return memory;
}

} // namespace gallery
