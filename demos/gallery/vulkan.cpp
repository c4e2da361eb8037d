// SPDX-License-Identifier: MIT
#include "vulkan.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace gallery {

namespace {

constexpr auto kHost = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;

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

Vulkan::Vulkan(Validation &validation) {
    make_instance(validation);
    choose_physical();
    make_device();
}

void Vulkan::make_instance(Validation &validation) {
    // The same code, and so the same pictures, on every processor. Also, AVX2
    // as QEMU 7.2 emulates it filters textures wrongly.
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
    const char *host = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    VkDeviceCreateInfo make{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    make.pNext = &features;
    make.queueCreateInfoCount = 1;
    make.pQueueCreateInfos = &queues;
    make.enabledExtensionCount = 1;
    make.ppEnabledExtensionNames = &host;
    check(vkCreateDevice(physical, &make, nullptr, &device), "vkCreateDevice");
    vkGetDeviceQueue(device, 0, 0, &queue);
    host_pointer_properties =
        reinterpret_cast<PFN_vkGetMemoryHostPointerPropertiesEXT>(
            vkGetDeviceProcAddr(device, "vkGetMemoryHostPointerPropertiesEXT"));
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

BoMemory::BoMemory(const Vulkan &vulkan, const gpumem::Device &device,
                   const VkMemoryRequirements &needs)
    : bo_(device.create(needs.size)), map_(bo_.map()), device_(vulkan.device) {
    VkMemoryHostPointerPropertiesEXT host{
        VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
    check(vulkan.host_pointer_properties(device_, kHost, map_.data(), &host),
          "vkGetMemoryHostPointerPropertiesEXT");
    VkImportMemoryHostPointerInfoEXT import{
        VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT};
    import.handleType = kHost;
    import.pHostPointer = map_.data();
    VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    info.pNext = &import;
    info.allocationSize = map_.size();
    info.memoryTypeIndex =
        vulkan.memory_type(needs.memoryTypeBits & host.memoryTypeBits, 0);
    check(vkAllocateMemory(device_, &info, nullptr, &memory_),
          "vkAllocateMemory of a gpumem buffer");
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
