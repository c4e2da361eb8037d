// SPDX-License-Identifier: MIT
#include "fake_system.hpp"

#include <drm/gpumem_drm.h>

#include <cerrno>
#include <cstdlib>

int FakeSystem::open(const char *path) {
    const auto node = nodes.find(path);
    if (node == nodes.end())
        return -ENOENT;
    open_files[next_fd_] = node->second;
    return next_fd_++;
}

int FakeSystem::duplicate(int fd) {
    const auto file = open_files.find(fd);
    if (file == open_files.end())
        return -EBADF;
    open_files[next_fd_] = file->second;
    return next_fd_++;
}

void FakeSystem::close(int fd) {
    EXPECT_EQ(open_files.erase(fd), 1U) << "closed a file that is not open";
}

int FakeSystem::map(int fd, std::size_t size, std::uint64_t offset, void **out) {
    if (!open_files.contains(fd) || !objects.contains(
            static_cast<std::uint32_t>(offset >> 32)))
        return -EINVAL;
    if (fail_map)
        return fail_map;
    *out = std::malloc(size);
    maps.insert(*out);
    return 0;
}

void FakeSystem::unmap(void *addr, std::size_t) {
    EXPECT_EQ(maps.erase(addr), 1U) << "unmapped what is not mapped";
    std::free(addr);
}

std::vector<std::string> FakeSystem::render_nodes() {
    std::vector<std::string> paths;
    for (const auto &[path, driver] : nodes)
        paths.push_back(path);
    return paths;
}

std::string FakeSystem::driver_name(int fd) {
    const auto file = open_files.find(fd);
    return file == open_files.end() ? "" : file->second;
}

int FakeSystem::ioctl(int fd, unsigned long request, void *arg) {
    ++ioctls;
    if (!open_files.contains(fd))
        return -EBADF;
    if (interrupted_ < interrupts) {
        ++interrupted_;
        return -EINTR;
    }
    interrupted_ = 0;
    if (const auto fail = fail_once.find(request); fail != fail_once.end()) {
        const int ret = fail->second;
        fail_once.erase(fail);
        return ret;
    }
    switch (request) {
    case DRM_IOCTL_GPUMEM_CREATE: {
        auto *args = static_cast<drm_gpumem_create *>(arg);
        args->size = (args->size + 4095) / 4096 * 4096;
        args->handle = next_handle_++;
        objects[args->handle] = {args->size, 0};
        return 0;
    }
    case DRM_IOCTL_GPUMEM_MMAP_OFFSET: {
        auto *args = static_cast<drm_gpumem_mmap_offset *>(arg);
        args->offset = std::uint64_t{args->handle} << 32;
        return objects.contains(args->handle) ? 0 : -ENOENT;
    }
    case DRM_IOCTL_GPUMEM_PIN:
    case DRM_IOCTL_GPUMEM_UNPIN: {
        const auto *args = static_cast<drm_gpumem_pin *>(arg);
        if (args->flags & ~std::uint32_t{GPUMEM_PIN_LONGTERM})
            return -EINVAL;
        pin_flags = args->flags;
        const auto *handles =
            reinterpret_cast<const std::uint32_t *>(args->handles);
        for (std::uint32_t i = 0; i < args->count; ++i)
            if (!objects.contains(handles[i]))
                return -ENOENT;
        for (std::uint32_t i = 0; i < args->count; ++i) {
            std::uint64_t &pins = objects[handles[i]].pins;
            pins += request == DRM_IOCTL_GPUMEM_PIN ? 1 : ~std::uint64_t{0};
        }
        return 0;
    }
    case DRM_IOCTL_GPUMEM_QUERY: {
        auto *args = static_cast<drm_gpumem_query *>(arg);
        if (!objects.contains(args->handle))
            return -ENOENT;
        args->flags = GPUMEM_QUERY_MOVABLE;
        if (objects[args->handle].dontneed)
            args->flags |= GPUMEM_QUERY_DONTNEED;
        if (objects[args->handle].purged)
            args->flags |= GPUMEM_QUERY_PURGED;
        args->size = objects[args->handle].size;
        args->pins = objects[args->handle].pins;
        args->moved = 7;
        args->cold_pages = objects[args->handle].cold ? 3 : 0;
        return 0;
    }
    case DRM_IOCTL_GPUMEM_MADVISE: {
        auto *args = static_cast<drm_gpumem_madvise *>(arg);
        if (!objects.contains(args->handle))
            return -ENOENT;
        if (args->advice > GPUMEM_MADV_COLD || args->retained || args->pad)
            return -EINVAL;
        Object &object = objects[args->handle];
        args->retained = object.purged ? 0 : 1;
        object.dontneed = args->advice == GPUMEM_MADV_DONTNEED;
        object.cold = args->advice == GPUMEM_MADV_COLD;
        if (!object.dontneed)
            object.purged = false;
        return 0;
    }
    case DRM_IOCTL_GPUMEM_STATS: {
        auto *args = static_cast<drm_gpumem_stats *>(arg);
        args->backing = GPUMEM_BACKING_MOPS;
        args->flags = GPUMEM_STATS_MOVABLE;
        args->objects = objects.size();
        args->faults = 9;
        return 0;
    }
    case DRM_IOCTL_GPUMEM_COMPACT: {
        auto *args = static_cast<drm_gpumem_compact *>(arg);
        if (!args->pages || args->pages > GPUMEM_COMPACT_MAX_PAGES ||
            args->flags || args->done || args->pages_moved)
            return -EINVAL;
        args->pages_moved = args->pages;
        args->blocks_freed = 2;
        args->pages_scanned = args->time_ns;
        args->done = 1;
        return 0;
    }
    case DRM_IOCTL_GEM_CLOSE: {
        const auto *args = static_cast<drm_gem_close *>(arg);
        return objects.erase(args->handle) ? 0 : -EINVAL;
    }
    case DRM_IOCTL_PRIME_HANDLE_TO_FD: {
        auto *args = static_cast<drm_prime_handle *>(arg);
        dmabufs[next_fd_] = args->handle;
        args->fd = next_fd_++;
        return 0;
    }
    case DRM_IOCTL_PRIME_FD_TO_HANDLE: {
        auto *args = static_cast<drm_prime_handle *>(arg);
        const auto dmabuf = dmabufs.find(args->fd);
        if (dmabuf == dmabufs.end())
            return -EINVAL;
        args->handle = dmabuf->second;
        return 0;
    }
    default:
        return -ENOTTY;
    }
}
