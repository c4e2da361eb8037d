// SPDX-License-Identifier: MIT
// Opening, closing, querying and compacting a device.
#include "device.hpp"

#include <gpumem/gpumem.h>

#include <drm/gpumem_drm.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

using gpumem::internal::current_system;
using gpumem::internal::no_throw;
using gpumem::internal::System;

static_assert(GPUMEM_BACKING_KIND_MOPS == GPUMEM_BACKING_MOPS);
static_assert(GPUMEM_BACKING_KIND_GEMFS == GPUMEM_BACKING_GEMFS);

void gpumem_device::put() {
    if (refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete this;
}

void gpumem_device::close_unused_handle_locked(std::uint32_t handle) {
    if (handle_users.contains(handle))
        return;
    drm_gem_close args{};
    args.handle = handle;
    ioctl(DRM_IOCTL_GEM_CLOSE, &args);
}

void gpumem_device::drop_handle_locked(std::uint32_t handle) {
    const auto users = handle_users.find(handle);
    if (--users->second > 0)
        return;
    handle_users.erase(users);
    close_unused_handle_locked(handle);
}

namespace {

constexpr const char *DRIVER = "gpumem";
// The struct as it was in 0.1; callers built against it stay welcome.
constexpr std::size_t STATS_SIZE_0_1 =
    offsetof(gpumem_device_stats, faults) + sizeof(std::uint64_t);
constexpr std::size_t COMPACTION_SIZE_0_1 = sizeof(gpumem_compaction);

// Make a device of @fd, which it owns from now on, also if this fails.
int adopt_fd(System &sys, int fd, gpumem_device **out) {
    int ret = -ENODEV;
    try {
        if (sys.driver_name(fd) == DRIVER) {
            *out = new gpumem_device(sys, fd);
            return 0;
        }
    } catch (const std::bad_alloc &) {
        ret = -ENOMEM;
    }
    sys.close(fd);
    return ret;
}

int open_node(System &sys, const char *path, gpumem_device **out) {
    const int fd = sys.open(path);
    return fd < 0 ? fd : adopt_fd(sys, fd, out);
}

int open_first(System &sys, gpumem_device **out) {
    int refused = -ENODEV;
    for (const std::string &path : sys.render_nodes()) {
        const int ret = open_node(sys, path.c_str(), out);
        if (ret == 0 || ret == -ENOMEM || ret == -EMFILE || ret == -ENFILE)
            return ret;
        // Else another driver's node, or one that this user may not open,
        // which could be ours.
        if (ret == -EACCES || ret == -EPERM)
            refused = ret;
    }
    return refused;
}

} // namespace

int gpumem_device_open(const char *path, gpumem_device **out) {
    if (!out)
        return -EINVAL;
    return no_throw([&] {
        System &sys = current_system();
        return path ? open_node(sys, path, out) : open_first(sys, out);
    });
}

const char *gpumem_backing_name(std::uint32_t backing) {
    switch (backing) {
    case GPUMEM_BACKING_KIND_MOPS:
        return "mops";
    case GPUMEM_BACKING_KIND_GEMFS:
        return "gemfs";
    default:
        return "unknown";
    }
}

int gpumem_device_from_fd(int fd, gpumem_device **out) {
    if (!out)
        return -EINVAL;
    if (fd < 0)
        return -EBADF;
    return no_throw([&] {
        System &sys = current_system();
        const int copy = sys.duplicate(fd);
        return copy < 0 ? copy : adopt_fd(sys, copy, out);
    });
}

void gpumem_device_close(gpumem_device *dev) {
    if (dev)
        dev->put();
}

int gpumem_device_fd(const gpumem_device *dev) {
    return dev ? dev->fd : -EINVAL;
}

int gpumem_device_query(gpumem_device *dev, gpumem_device_stats *stats) {
    if (!dev || !stats || stats->size < STATS_SIZE_0_1 ||
        stats->size > gpumem::internal::MAX_STRUCT_SIZE)
        return -EINVAL;

    drm_gpumem_stats args{};
    const int ret = dev->ioctl(DRM_IOCTL_GPUMEM_STATS, &args);
    if (ret < 0)
        return ret;

    const std::uint32_t size = stats->size;
    gpumem_device_stats known{};
    known.size = size;
    known.backing = args.backing;
    known.movable = (args.flags & GPUMEM_STATS_MOVABLE) ? 1 : 0;
    known.objects = args.objects;
    known.bytes = args.bytes;
    known.resident_pages = args.resident_pages;
    known.pinned_objects = args.pinned_objects;
    known.isolated = args.isolated;
    known.moved = args.moved;
    known.put_back = args.put_back;
    known.refused_pinned = args.refused_pinned;
    known.refused_busy = args.refused_busy;
    known.faults = args.faults;
    known.purged = args.purged;
    known.cold_pages = args.cold_pages;
    known.evicted = args.evicted;
    known.restored = args.restored;

    // A caller newer than this library reads zeros in fields unknown to it.
    std::memset(static_cast<void *>(stats), 0, size);
    std::memcpy(stats, &known, std::min<std::size_t>(size, sizeof(known)));
    return 0;
}

int gpumem_device_compact(gpumem_device *dev, gpumem_compaction *compaction) {
    if (!dev || !compaction || compaction->size < COMPACTION_SIZE_0_1 ||
        compaction->size > gpumem::internal::MAX_STRUCT_SIZE)
        return -EINVAL;

    drm_gpumem_compact args{};
    args.pages = compaction->pages;
    args.time_ns = compaction->time_ns;
    args.flags = compaction->flags;
    const int ret = dev->ioctl(DRM_IOCTL_GPUMEM_COMPACT, &args);
    if (ret < 0)
        return ret;

    const std::uint32_t size = compaction->size;
    gpumem_compaction known = *compaction;
    known.pages_moved = args.pages_moved;
    known.blocks_freed = args.blocks_freed;
    known.pages_scanned = args.pages_scanned;
    known.done = args.done;
    known.pad = 0;

    std::memset(static_cast<void *>(compaction), 0, size);
    std::memcpy(compaction, &known, sizeof(known));
    return 0;
}
