// SPDX-License-Identifier: MIT
// Pinning and unpinning. The driver counts pins per object and file; the
// library counts them per bo as well, because several bos can share an object
// and each drops only its own.
#include "bo.hpp"

#include <gpumem/gpumem.h>

#include <drm/gpumem_drm.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <vector>

using gpumem::internal::no_throw;

namespace {

int pin_ioctl(gpumem_device &dev, unsigned long request,
              std::span<const std::uint32_t> handles,
              std::uint32_t flags = 0) {
    drm_gpumem_pin args{};
    args.flags = flags;
    args.handles = reinterpret_cast<std::uintptr_t>(handles.data());
    args.count = static_cast<std::uint32_t>(handles.size());
    return dev.ioctl(request, &args);
}

int check_array(const gpumem_device *dev, gpumem_bo *const *bos,
                std::uint32_t count) {
    if (!dev || !bos || count == 0)
        return -EINVAL;
    if (count > GPUMEM_PIN_MAX_HANDLES)
        return -E2BIG;
    for (const gpumem_bo *bo : std::span(bos, count))
        if (!bo || bo->dev != dev)
            return -EINVAL;
    return 0;
}

// So many are unpinned without any memory, here and by the driver.
constexpr std::size_t FEW = 8;

// Count down first, so that two threads cannot undo one pin twice.
int unpin(gpumem_device &dev, std::span<gpumem_bo *const> bos,
          std::span<const std::uint32_t> handles) {
    std::size_t taken = 0;
    while (taken < bos.size() && bos[taken]->take_pin())
        ++taken;
    const int ret = taken == bos.size()
                        ? pin_ioctl(dev, DRM_IOCTL_GPUMEM_UNPIN, handles)
                        : -EINVAL;
    if (ret < 0)
        for (gpumem_bo *bo : bos.first(taken))
            ++bo->pins;
    return ret;
}

std::vector<std::uint32_t> handles_of(std::span<gpumem_bo *const> bos) {
    std::vector<std::uint32_t> handles;
    handles.reserve(bos.size());
    for (const gpumem_bo *bo : bos)
        handles.push_back(bo->handle);
    return handles;
}

} // namespace

namespace gpumem::internal {

void drop_pins(gpumem_bo &bo) {
    std::array<std::uint32_t, FEW> handles{};
    handles.fill(bo.handle);
    for (std::uint64_t left = bo.pins.exchange(0); left > 0;) {
        const std::size_t n = std::min<std::uint64_t>(left, handles.size());
        pin_ioctl(*bo.dev, DRM_IOCTL_GPUMEM_UNPIN, std::span(handles).first(n));
        left -= n;
    }
}

} // namespace gpumem::internal

static_assert(GPUMEM_BO_PIN_LONGTERM == GPUMEM_PIN_LONGTERM);

int gpumem_bo_pin(gpumem_bo *bo, uint32_t flags) {
    if (!bo)
        return -EINVAL;
    return gpumem_bo_pin_many(bo->dev, &bo, 1, flags);
}

int gpumem_bo_unpin(gpumem_bo *bo) {
    if (!bo)
        return -EINVAL;
    return gpumem_bo_unpin_many(bo->dev, &bo, 1);
}

int gpumem_bo_pin_many(gpumem_device *dev, gpumem_bo *const *bos,
                       uint32_t count, uint32_t flags) {
    int ret = check_array(dev, bos, count);
    if (ret < 0)
        return ret;
    return no_throw([&] {
        const std::span all(bos, count);
        ret = pin_ioctl(*dev, DRM_IOCTL_GPUMEM_PIN, handles_of(all), flags);
        if (ret < 0)
            return ret;
        for (gpumem_bo *bo : all)
            ++bo->pins;
        return 0;
    });
}

int gpumem_bo_unpin_many(gpumem_device *dev, gpumem_bo *const *bos,
                         uint32_t count) {
    const int ret = check_array(dev, bos, count);
    if (ret < 0)
        return ret;
    const std::span all(bos, count);
    if (count > FEW)
        return no_throw([&] { return unpin(*dev, all, handles_of(all)); });
    std::array<std::uint32_t, FEW> handles{};
    std::ranges::transform(all, handles.begin(), &gpumem_bo::handle);
    return unpin(*dev, all, std::span(handles).first(count));
}
