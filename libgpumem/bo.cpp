// SPDX-License-Identifier: MIT
// Making, mapping, querying and destroying buffers.
#include "bo.hpp"

#include <gpumem/gpumem.h>

#include <drm/gpumem_drm.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>

using gpumem::internal::drop_pins;
using gpumem::internal::no_throw;

namespace {

constexpr std::size_t INFO_SIZE_0_1 =
    offsetof(gpumem_bo_info, moved) + sizeof(std::uint64_t);

} // namespace

int gpumem_bo_create(gpumem_device *dev, uint64_t size, uint32_t flags,
                     gpumem_bo **out) {
    if (!dev || !out || size == 0 || flags != 0)
        return -EINVAL;
    return no_throw([&] {
        auto bo = std::make_unique<gpumem_bo>(dev);

        drm_gpumem_create args{};
        args.size = size;
        const int ret = dev->ioctl(DRM_IOCTL_GPUMEM_CREATE, &args);
        if (ret < 0)
            return ret;

        const std::lock_guard lock(dev->handle_lock);
        try {
            dev->use_handle_locked(args.handle);
        } catch (...) {
            dev->close_unused_handle_locked(args.handle);
            throw;
        }
        bo->handle = args.handle;
        bo->size = args.size;
        *out = bo.release();
        return 0;
    });
}

void gpumem_bo_destroy(gpumem_bo *bo) {
    if (!bo)
        return;
    if (bo->map_users)
        bo->dev->sys.unmap(bo->addr, static_cast<std::size_t>(bo->size));
    {
        const std::lock_guard lock(bo->dev->handle_lock);
        // With the last user the driver drops the pins itself.
        if (bo->dev->handle_users[bo->handle] > 1)
            drop_pins(*bo);
        bo->dev->drop_handle_locked(bo->handle);
    }
    delete bo;
}

uint64_t gpumem_bo_size(const gpumem_bo *bo) { return bo ? bo->size : 0; }

uint32_t gpumem_bo_handle(const gpumem_bo *bo) { return bo ? bo->handle : 0; }

int gpumem_bo_map(gpumem_bo *bo, void **addr) {
    if (!bo || !addr)
        return -EINVAL;
    if (bo->size > std::numeric_limits<std::size_t>::max())
        return -ENOMEM;

    const std::lock_guard lock(bo->map_lock);
    if (bo->map_users == 0) {
        drm_gpumem_mmap_offset args{};
        args.handle = bo->handle;
        int ret = bo->dev->ioctl(DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args);
        if (ret < 0)
            return ret;
        ret = bo->dev->sys.map(bo->dev->fd, static_cast<std::size_t>(bo->size),
                               args.offset, &bo->addr);
        if (ret < 0)
            return ret;
    }
    ++bo->map_users;
    *addr = bo->addr;
    return 0;
}

int gpumem_bo_unmap(gpumem_bo *bo) {
    if (!bo)
        return -EINVAL;

    const std::lock_guard lock(bo->map_lock);
    if (bo->map_users == 0)
        return -EINVAL;
    if (--bo->map_users == 0) {
        bo->dev->sys.unmap(bo->addr, static_cast<std::size_t>(bo->size));
        bo->addr = nullptr;
    }
    return 0;
}

static_assert(GPUMEM_BO_WILLNEED == GPUMEM_MADV_WILLNEED);
static_assert(GPUMEM_BO_DONTNEED == GPUMEM_MADV_DONTNEED);
static_assert(GPUMEM_BO_COLD == GPUMEM_MADV_COLD);

int gpumem_bo_madvise(gpumem_bo *bo, uint32_t advice, int *retained) {
    if (!bo)
        return -EINVAL;

    drm_gpumem_madvise args{};
    args.handle = bo->handle;
    args.advice = advice;
    const int ret = bo->dev->ioctl(DRM_IOCTL_GPUMEM_MADVISE, &args);
    if (ret == 0 && retained)
        *retained = static_cast<int>(args.retained);
    return ret;
}

int gpumem_bo_query(gpumem_bo *bo, gpumem_bo_info *info) {
    if (!bo || !info || info->size_of_struct < INFO_SIZE_0_1 ||
        info->size_of_struct > gpumem::internal::MAX_STRUCT_SIZE)
        return -EINVAL;

    drm_gpumem_query args{};
    args.handle = bo->handle;
    const int ret = bo->dev->ioctl(DRM_IOCTL_GPUMEM_QUERY, &args);
    if (ret < 0)
        return ret;

    const std::uint32_t size = info->size_of_struct;
    gpumem_bo_info known{};
    known.size_of_struct = size;
    known.imported = (args.flags & GPUMEM_QUERY_IMPORTED) ? 1 : 0;
    known.movable = (args.flags & GPUMEM_QUERY_MOVABLE) ? 1 : 0;
    known.size = args.size;
    known.resident_pages = args.resident_pages;
    known.pins = args.pins;
    known.file_pins = args.file_pins;
    known.moved = args.moved;
    known.dontneed = (args.flags & GPUMEM_QUERY_DONTNEED) ? 1 : 0;
    known.purged = (args.flags & GPUMEM_QUERY_PURGED) ? 1 : 0;
    known.cold_pages = args.cold_pages;

    // A caller newer than this library reads zeros in fields unknown to it.
    std::memset(static_cast<void *>(info), 0, size);
    std::memcpy(info, &known, std::min<std::size_t>(size, sizeof(known)));
    return 0;
}
