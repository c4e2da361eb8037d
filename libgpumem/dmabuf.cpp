// SPDX-License-Identifier: MIT
// Sharing buffers with other devices and processes as dma-bufs.
#include "bo.hpp"

#include <gpumem/gpumem.h>

#include <drm/gpumem_drm.h>

#include <fcntl.h>

#include <cerrno>
#include <memory>

using gpumem::internal::no_throw;

int gpumem_bo_export_dmabuf(gpumem_bo *bo, int *fd) {
    if (!bo || !fd)
        return -EINVAL;

    drm_prime_handle args{};
    args.handle = bo->handle;
    args.flags = DRM_CLOEXEC | DRM_RDWR;
    const int ret = bo->dev->ioctl(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);
    if (ret < 0)
        return ret;
    *fd = args.fd;
    return 0;
}

int gpumem_bo_import_dmabuf(gpumem_device *dev, int fd, gpumem_bo **out) {
    if (!dev || !out)
        return -EINVAL;
    if (fd < 0)
        return -EBADF;
    return no_throw([&] {
        auto bo = std::make_unique<gpumem_bo>(dev);

        // See device.hpp: the handle may be one that a bo is about to close.
        const std::lock_guard lock(dev->handle_lock);
        drm_prime_handle prime{};
        prime.fd = fd;
        int ret = dev->ioctl(DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
        if (ret < 0)
            return ret;

        drm_gpumem_query query{};
        query.handle = prime.handle;
        ret = dev->ioctl(DRM_IOCTL_GPUMEM_QUERY, &query);
        if (ret < 0) {
            dev->close_unused_handle_locked(prime.handle);
            return ret;
        }
        try {
            dev->use_handle_locked(prime.handle);
        } catch (...) {
            dev->close_unused_handle_locked(prime.handle);
            throw;
        }
        bo->handle = prime.handle;
        bo->size = query.size;
        *out = bo.release();
        return 0;
    });
}
