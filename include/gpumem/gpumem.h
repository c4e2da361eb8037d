/* SPDX-License-Identifier: MIT */
/**
 * libgpumem: GPU buffers whose memory the kernel may move.
 *
 * Conventions
 *  - Every function that can fail returns 0 or a negative errno value; on
 *    failure no output is written and nothing has changed.
 *  - Sizes are in bytes unless a name says pages.
 *  - A struct with a size field must have it set to sizeof the struct before
 *    the call; the library fills what both sides know. A size that no version
 *    can have (over 4096) is -EINVAL.
 *  - Devices and buffers may be used by several threads at once; only destroying
 *    one is for the caller to order after every other use.
 *  - Since 0.1, all of it.
 */
#ifndef GPUMEM_GPUMEM_H
#define GPUMEM_GPUMEM_H

#include <stdint.h>

#if defined(__GNUC__)
#define GPUMEM_API __attribute__((visibility("default")))
#else
#define GPUMEM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** An open gpumem device. Opaque. */
struct gpumem_device;
/** A buffer object ("bo"). Opaque; holds its device alive. */
struct gpumem_bo;

/** What serves the buffers of a device. */
enum gpumem_backing {
    GPUMEM_BACKING_KIND_MOPS = 1,  /**< movable_operations pages */
    GPUMEM_BACKING_KIND_GEMFS = 2, /**< page cache of an own file system */
};

/**
 * The backing's name, as the module parameter has it; "unknown" for one that is
 * newer than this library. Static, never NULL. Thread-safe.
 */
GPUMEM_API const char *gpumem_backing_name(uint32_t backing);

/** State and counters of a device, as the driver reports them. */
struct gpumem_device_stats {
    uint32_t size;          /**< in: sizeof(struct gpumem_device_stats) */
    uint32_t backing;       /**< enum gpumem_backing */
    uint32_t movable;       /**< 1 if new buffers get movable pages */
    uint32_t pad;
    uint64_t objects;       /**< buffers that exist */
    uint64_t bytes;         /**< sum of their sizes */
    uint64_t resident_pages; /**< pages that have memory now */
    uint64_t pinned_objects; /**< buffers with at least one pin */
    uint64_t isolated;      /**< pages the kernel took aside (mops only) */
    uint64_t moved;         /**< pages moved */
    uint64_t put_back;      /**< pages taken aside and given back (mops) */
    uint64_t refused_pinned; /**< moves refused: the buffer was pinned */
    uint64_t refused_busy;  /**< moves refused: lock, fence or page in use */
    uint64_t faults;        /**< faults taken on buffer mappings */
    uint64_t purged;        /**< pages taken from buffers nobody needs */
    uint64_t cold_pages;    /**< pages that are compressed now */
    uint64_t evicted;       /**< pages compressed */
    uint64_t restored;      /**< pages that came back from being compressed */
};

/** State of one buffer. */
struct gpumem_bo_info {
    uint32_t size_of_struct; /**< in: sizeof(struct gpumem_bo_info) */
    uint32_t imported;       /**< 1: came from another device's dma-buf */
    uint32_t movable;        /**< 1: pages can move while not pinned */
    uint32_t pad;
    uint64_t size;           /**< bytes */
    uint64_t resident_pages; /**< pages that have memory now */
    uint64_t pins;           /**< pins by anyone, importers included */
    uint64_t file_pins;      /**< pins through this device handle */
    uint64_t moved;          /**< times a page of this buffer was moved */
    uint32_t dontneed;       /**< 1: advised GPUMEM_BO_DONTNEED */
    uint32_t purged;         /**< 1: the contents were taken */
    uint64_t cold_pages;     /**< compressed pages; not in resident_pages */
};

/**
 * Open the gpumem device.
 * @path: device node, or NULL to look for the first render node whose driver
 *        is "gpumem" (card and render numbers depend on load order).
 * @out:  receives the device; close it with gpumem_device_close().
 * Errors: -ENODEV (no such driver loaded, or @path is another driver's node),
 * -EINVAL (@out is NULL), or what open(2) gave.
 */
GPUMEM_API int gpumem_device_open(const char *path, struct gpumem_device **out);

/**
 * Use an open DRM file descriptor. The library keeps a duplicate; the caller
 * keeps @fd. GEM handles belong to the open file and the library counts their
 * users for each device: as long as the device exists, nothing else may close
 * handles on @fd or a duplicate of it, a second gpumem_device included.
 * Errors as gpumem_device_open(), -EBADF.
 */
GPUMEM_API int gpumem_device_from_fd(int fd, struct gpumem_device **out);

/**
 * Drop the caller's reference. The file is closed when its last buffer is
 * destroyed. NULL is accepted.
 */
GPUMEM_API void gpumem_device_close(struct gpumem_device *dev);

/** The DRM file descriptor, owned by the device; -EINVAL if @dev is NULL. */
GPUMEM_API int gpumem_device_fd(const struct gpumem_device *dev);

/** Read state and counters. Errors: -EINVAL (NULL, or size field too small). */
GPUMEM_API int gpumem_device_query(struct gpumem_device *dev,
                                   struct gpumem_device_stats *stats);

/** Budget and result of gpumem_device_compact(). */
struct gpumem_compaction {
    uint32_t size;          /**< in: sizeof(struct gpumem_compaction) */
    uint32_t flags;         /**< in: must be 0 */
    uint64_t pages;         /**< in: move no more pages than this, 1 to 65536 */
    uint64_t time_ns;       /**< in: take no longer; 0: as long as it takes */
    uint64_t pages_moved;   /**< out: pages moved */
    uint64_t blocks_freed;  /**< out: page blocks that were left and are free */
    uint64_t pages_scanned; /**< out: pages looked at, for what it cost */
    uint32_t done;          /**< out: 1 if nothing is left to be gained for now */
    uint32_t pad;
};

/**
 * Make whole page blocks (2 MiB on most machines) free, by moving pages of the
 * device's buffers from the emptiest ones into fuller ones, before the kernel needs
 * a block. Goes on where the last call has stopped: with a small budget it can be
 * called for each frame. A signal ends it early, as if time were up. Thread-safe, but
 * one at a time on a machine.
 * Errors: -EACCES (needs CAP_SYS_ADMIN), -EBUSY (another one is under way), -EINVAL
 * (NULL, no pages or too many, unknown flags, or size field too small), -ENOMEM.
 */
GPUMEM_API int gpumem_device_compact(struct gpumem_device *dev,
                                     struct gpumem_compaction *compaction);

/**
 * Create a buffer of zeros.
 * @size:  bytes, rounded up to whole pages.
 * @flags: must be 0.
 * Errors: -EINVAL (size 0 or overflowing, flags), -ENOMEM.
 */
GPUMEM_API int gpumem_bo_create(struct gpumem_device *dev, uint64_t size,
                                uint32_t flags, struct gpumem_bo **out);

/**
 * Unmap the buffer, drop this handle's pins and release it. Memory goes when
 * the last user (importer, other process, mapping) is gone. NULL is accepted.
 * A bo imported twice through one device is one object: destroy each.
 */
GPUMEM_API void gpumem_bo_destroy(struct gpumem_bo *bo);

/** Size in bytes after rounding; 0 if @bo is NULL. */
GPUMEM_API uint64_t gpumem_bo_size(const struct gpumem_bo *bo);

/** GEM handle on the device's file descriptor; 0 if @bo is NULL. */
GPUMEM_API uint32_t gpumem_bo_handle(const struct gpumem_bo *bo);

/**
 * Map the whole buffer for reading and writing. The address is page aligned,
 * stays valid and stays the same while the kernel moves pages, until
 * gpumem_bo_unmap() or destroy. Calls nest: the same address is returned and
 * each needs its unmap.
 * Errors: -EINVAL, -ENOMEM, or what mmap(2) gave.
 */
GPUMEM_API int gpumem_bo_map(struct gpumem_bo *bo, void **addr);

/** Undo one gpumem_bo_map(). Errors: -EINVAL (not mapped). */
GPUMEM_API int gpumem_bo_unmap(struct gpumem_bo *bo);

/**
 * Flag of a pin: it may last for long, as one for a device that keeps the
 * addresses. Pages in memory that must stay free of such pins (ZONE_MOVABLE, CMA)
 * are replaced first.
 */
#define GPUMEM_BO_PIN_LONGTERM (1U << 0)

/**
 * Make the pages resident and keep them where they are. Pins nest. Without
 * CAP_IPC_LOCK a pinned buffer counts against RLIMIT_MEMLOCK, once per device.
 * @flags: 0 or GPUMEM_BO_PIN_LONGTERM.
 * Errors: -ENOMEM (no memory, or the limit), -EOVERFLOW, -EINVAL
 * (unknown flags), -ENODATA (the contents were purged), -EIO (a compressed page was
 * damaged); with GPUMEM_BO_PIN_LONGTERM also -EBUSY (a page has to be
 * replaced and is in use, or pinned without the flag) and -EHWPOISON (such a
 * page cannot be read). Then nothing is pinned.
 */
GPUMEM_API int gpumem_bo_pin(struct gpumem_bo *bo, uint32_t flags);

/** Undo one pin made through this device. Errors: -EINVAL (none left). */
GPUMEM_API int gpumem_bo_unpin(struct gpumem_bo *bo);

/**
 * Pin or unpin @count buffers of one device in one call, all or nothing.
 * Errors: -E2BIG (more than 4096), -EINVAL (count 0, NULL, a buffer of another
 * device), those of the single calls, and -ENOMEM from either, though not from an
 * unpin of 8 buffers or less, which needs no memory.
 */
GPUMEM_API int gpumem_bo_pin_many(struct gpumem_device *dev,
                                  struct gpumem_bo *const *bos, uint32_t count,
                                  uint32_t flags);
GPUMEM_API int gpumem_bo_unpin_many(struct gpumem_device *dev,
                                    struct gpumem_bo *const *bos,
                                    uint32_t count);

/** Whether a buffer's contents are needed. */
enum gpumem_bo_advice {
    GPUMEM_BO_WILLNEED = 0, /**< they are, as of every new buffer */
    GPUMEM_BO_DONTNEED = 1, /**< the kernel may take the pages */
    GPUMEM_BO_COLD = 2,     /**< they are, but not soon: compress them now */
};

/**
 * Say whether the buffer's contents are needed. Under memory pressure the kernel
 * takes the pages of buffers that are not, the longest unused first, unless they
 * are pinned, exported or in use. Touching a purged buffer is SIGBUS, pinning or
 * exporting it -ENODATA, until it is needed again: then it reads as zeros. The
 * advice is the buffer's, whoever shares it. Thread-safe.
 *
 * GPUMEM_BO_COLD compresses what is worth it and not in use before it returns, and
 * nothing of a buffer that is pinned, exported or has a pending fence. A touch
 * brings a page back, a pin all of them.
 * @advice:   enum gpumem_bo_advice.
 * @retained: receives 1 if the contents are those that were written last, 0 if
 *            they were taken. May be NULL.
 * Errors: -EINVAL (unknown advice), -EOPNOTSUPP (imported from another device).
 */
GPUMEM_API int gpumem_bo_madvise(struct gpumem_bo *bo, uint32_t advice,
                                 int *retained);

/** Read the state of one buffer. Errors: -EINVAL. */
GPUMEM_API int gpumem_bo_query(struct gpumem_bo *bo,
                               struct gpumem_bo_info *info);

/**
 * Export the buffer as a dma-buf.
 * @fd: receives a new read-write, close-on-exec descriptor the caller owns.
 * Errors: -EINVAL, -EMFILE, -ENOMEM, -ENODATA (the contents were purged).
 */
GPUMEM_API int gpumem_bo_export_dmabuf(struct gpumem_bo *bo, int *fd);

/**
 * Import a dma-buf. The caller keeps @fd. A dma-buf that this device exported
 * gives the same object again.
 * Errors: -EINVAL (not a dma-buf), -EBADF, or what the exporter gave.
 */
GPUMEM_API int gpumem_bo_import_dmabuf(struct gpumem_device *dev, int fd,
                                       struct gpumem_bo **out);

#ifdef __cplusplus
}
#endif

#endif /* GPUMEM_GPUMEM_H */
