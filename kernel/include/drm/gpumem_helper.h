/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GEM helper for drivers whose buffers stay movable: what a driver needs, and all
 * of it. docs/adopting.md shows how a driver uses it.
 *
 * A buffer's pages may move whenever it is not pinned. A driver pins it for as
 * long as its hardware reads or writes it without a fence in the buffer's
 * reservation object. How pages are made movable is a backing's business.
 */
#ifndef _DRM_GPUMEM_HELPER_H_
#define _DRM_GPUMEM_HELPER_H_

#include <linux/atomic.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_gem.h>

struct dma_buf;
struct dma_buf_attachment;
struct drm_device;
struct drm_file;
struct drm_mode_create_dumb;
struct file;
struct gpumem_backing;
struct inode;
struct page;
struct sg_table;
struct vm_area_struct;

/**
 * struct gpumem_config - what a driver wants of its buffers
 *
 * All zero is the default: the default backing, movable pages.
 */
struct gpumem_config {
	/** @backing: from gpumem_backing_find(), or NULL for the default. */
	const struct gpumem_backing *backing;

	/**
	 * @unmovable: allocate pages that never move, as drivers without this
	 * helper do; for comparison.
	 */
	bool unmovable;
};

/** enum gpumem_advice - GPUMEM_MADV_* of the uapi */
enum gpumem_advice {
	/** @GPUMEM_WILLNEED: the contents are needed. */
	GPUMEM_WILLNEED,
	/** @GPUMEM_DONTNEED: nobody needs the contents. */
	GPUMEM_DONTNEED,
	/** @GPUMEM_COLD: the contents are needed, but not soon. */
	GPUMEM_COLD,
};

/** enum gpumem_purge - where an object is on the way to losing its contents */
enum gpumem_purge {
	/** @GPUMEM_KEPT: the contents are there. */
	GPUMEM_KEPT,
	/** @GPUMEM_PURGING: the shrinker is at it and may yet give up. */
	GPUMEM_PURGING,
	/** @GPUMEM_PURGED: the contents are gone. */
	GPUMEM_PURGED,
};

/**
 * struct gpumem_object - a buffer with movable backing pages
 */
struct gpumem_object {
	/** @base: the GEM object. */
	struct drm_gem_object base;

	/** @backing: how the pages are kept; constant. */
	const struct gpumem_backing *backing;

	/** @movable: pages are handed to the kernel as movable; constant. */
	bool movable;

	/** @id: number for debugfs and tracepoints; constant once it is in the list. */
	u64 id;

	/** @link: in the list of all objects; protected by the list's lock. */
	struct list_head link;

	/** @last_ref: for whoever puts the last reference; see gpumem_compact_walk.c. */
	struct llist_node last_ref;

	/**
	 * @lock: protects @pins, @resident, @pages and the residency of every
	 * page. Callbacks of the kernel only trylock it. See the top of
	 * gpumem_object.c for its place in the lock order.
	 */
	struct mutex lock;

	/**
	 * @pins: reasons to keep the pages where they are. Written under @lock;
	 * a callback may peek at it without, then asks again under @lock.
	 */
	unsigned int pins;

	/**
	 * @suspect: a page may lie where a long pin must not hold it, in
	 * ZONE_MOVABLE or CMA. Written under @lock.
	 */
	bool suspect;

	/**
	 * @purge: &enum gpumem_purge. Written under @lock. What is not
	 * GPUMEM_KEPT makes faults look at it under @lock.
	 */
	u8 purge;

	/** @dontneed: the pages may be taken. Written under @lock. */
	bool dontneed;

	/** @exports: dma-bufs that exist of it. */
	atomic_t exports;

	/** @purgeable: pages that count as purgeable; see gpumem_purge.c. */
	unsigned long purgeable;

	/** @refusals: times in a row that it could not go; see gpumem_purge.c. */
	u8 refusals;

	/** @scanned: the shrinker is at work on this object; see gpumem_purge.c. */
	bool scanned;

	/** @purge_link: in the list of purgeable objects; see gpumem_purge.c. */
	struct list_head purge_link;

	/**
	 * @cold: what is in the compressed store, by slot; see gpumem_cold.c.
	 * Changed under @lock.
	 */
	struct xarray cold;

	/** @cold_pages: pages in @cold that have no memory. Written under @lock. */
	unsigned long cold_pages;

	/** @cold_bytes: bytes that they take in the store. Under @lock. */
	unsigned long cold_bytes;

	/** @damaged: a page in @cold could not be brought back. Under @lock. */
	bool damaged;

	/** @touched: jiffies of the last touch that was seen. */
	unsigned long touched;

	/** @looked: jiffies when its mappings were taken; see gpumem_idle.c. */
	unsigned long looked;

	/** @looking: @looked is valid; see gpumem_idle.c. */
	bool looking;

	/** @idle_next: slot at which the shrinker goes on; see gpumem_idle.c. */
	pgoff_t idle_next;

	/** @idle_scanned: the shrinker is at work on it; see gpumem_idle.c. */
	bool idle_scanned;

	/** @idle_link: in the list of buffers that may be idle. */
	struct list_head idle_link;

	/** @resident: pages that have memory. Written under @lock. */
	unsigned long resident;

	/** @moved: page moves so far. Written under @lock. */
	u64 moved;

	/**
	 * @vmap_lock: protects @vmap_users and @vmap; not every kernel holds
	 * the reservation for vmap.
	 */
	struct mutex vmap_lock;

	/** @vmap_users: users of @vmap. */
	unsigned int vmap_users;

	/** @vmap: kernel mapping while @vmap_users. */
	struct iosys_map vmap;

	/**
	 * @mappings: of importers; while there is one the pages stay. Written
	 * under the reservation and @lock. See gpumem_export.c.
	 */
	struct list_head mappings;

	/**
	 * @cpu_accesses: begun by the CPU through dma-bufs and not ended, written
	 * under @lock; meanwhile no mapping is taken from an importer.
	 */
	unsigned int cpu_accesses;
	/** @revoke: makes importers that can be told let go. */
	struct work_struct revoke;

	/** @pages: the slots (mops); protected by @lock. */
	struct page **pages;

	/** @inode: owner of the page cache that has the slots (gemfs). */
	struct inode *inode;

	/** @file: what mappings hold (gemfs); not a reference, may be NULL. */
	struct file *file;

	/** @import: the exporter's buffer (imported objects only); constant. */
	struct dma_buf *import;

	/** @sgt: the importer's table, if it has mapped @import; constant. */
	struct sg_table *sgt;
};

#define to_gpumem_object(obj) container_of(obj, struct gpumem_object, base)

/**
 * struct gpumem_counters - state and events over all objects of all drivers
 *
 * Field names and meanings as in struct drm_gpumem_stats.
 */
struct gpumem_counters {
	/** @objects: state: objects that exist. */
	atomic64_t objects;
	/** @bytes: state: sum of their sizes. */
	atomic64_t bytes;
	/** @resident_pages: state: pages that have memory. */
	atomic64_t resident_pages;
	/** @pinned_objects: state: objects with a pin. */
	atomic64_t pinned_objects;
	/** @isolated: event: a page was taken aside (mops). */
	atomic64_t isolated;
	/** @moved: event: a page was moved. */
	atomic64_t moved;
	/** @put_back: event: a page that was taken aside came back (mops). */
	atomic64_t put_back;
	/** @refused_pinned: event: a page stayed because of a pin. */
	atomic64_t refused_pinned;
	/** @refused_busy: event: a page stayed for any other reason. */
	atomic64_t refused_busy;
	/** @faults: event: a page fault on a mapping. */
	atomic64_t faults;
	/** @purged: event: a page was taken because nobody needed it. */
	atomic64_t purged;
	/** @cold_pages: state: pages that are in the compressed store only. */
	atomic64_t cold_pages;
	/** @evicted: event: a page went to the compressed store. */
	atomic64_t evicted;
	/** @restored: event: a page came back from it. */
	atomic64_t restored;
};

extern struct gpumem_counters gpumem_counters;

/* The most that one call of gpumem_device_compact() moves. */
#define GPUMEM_COMPACTION_MAX_PAGES	65536

/**
 * struct gpumem_compaction - budget and result of gpumem_device_compact()
 */
struct gpumem_compaction {
	/** @pages: in: move no more pages than this. */
	u64 pages;
	/** @time_ns: in: take no longer than this; 0: as long as it takes. */
	u64 time_ns;
	/** @moved: out: pages moved. */
	u64 moved;
	/** @freed: out: page blocks that were left and have no page in use. */
	u64 freed;
	/** @scanned: out: page slots and page frames looked at. */
	u64 scanned;
	/** @done: out: nothing is left to be gained for now. */
	bool done;
};

const struct gpumem_backing *gpumem_backing_find(const char *name);
u32 gpumem_backing_id(const struct gpumem_backing *backing);

struct gpumem_object *gpumem_object_create(struct drm_device *dev, size_t size,
					   const struct gpumem_config *config);

int gpumem_object_pin(struct gpumem_object *bo);
int gpumem_object_pin_longterm(struct gpumem_object *bo);
void gpumem_object_unpin(struct gpumem_object *bo);
void gpumem_object_unpin_many(struct gpumem_object *bo, unsigned int pins);
int gpumem_object_madvise(struct gpumem_object *bo, enum gpumem_advice advice,
			  bool *retained);

void gpumem_device_unplug(struct drm_device *dev);
int gpumem_device_compact(struct drm_device *dev,
			  struct gpumem_compaction *compaction);

/* For &drm_gem_object_funcs. */
extern const struct drm_gem_object_funcs gpumem_object_funcs;

void gpumem_object_free(struct drm_gem_object *obj);
struct dma_buf *gpumem_object_export(struct drm_gem_object *obj, int flags);
struct sg_table *gpumem_object_get_sg_table(struct drm_gem_object *obj);
int gpumem_object_vmap(struct drm_gem_object *obj, struct iosys_map *map);
void gpumem_object_vunmap(struct drm_gem_object *obj, struct iosys_map *map);
int gpumem_object_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);
enum drm_gem_object_status gpumem_object_status(struct drm_gem_object *obj);
size_t gpumem_object_rss(struct drm_gem_object *obj);

/* For &drm_driver. */
struct drm_gem_object *gpumem_prime_import(struct drm_device *dev,
					   struct dma_buf *dma_buf);
struct drm_gem_object *
gpumem_prime_import_sg_table(struct drm_device *dev,
			     struct dma_buf_attachment *attach,
			     struct sg_table *sgt);
struct drm_gem_object *gpumem_prime_import_no_map(struct drm_device *dev,
						  struct dma_buf *dma_buf);
int gpumem_dumb_create(struct drm_file *file, struct drm_device *dev,
		       struct drm_mode_create_dumb *args);
int gpumem_dumb_create_config(struct drm_file *file, struct drm_device *dev,
			      struct drm_mode_create_dumb *args,
			      const struct gpumem_config *config);
int gpumem_dumb_map_offset(struct drm_file *file, struct drm_device *dev,
			   u32 handle, u64 *offset);

/**
 * GPUMEM_OBJECT_FUNCS - a driver's own &drm_gem_object_funcs start with these
 *
 * A driver that sets &drm_driver.gem_create_object and leaves
 * &drm_gem_object.funcs alone gets gpumem_object_funcs, which has no more.
 */
#define GPUMEM_OBJECT_FUNCS \
	.free = gpumem_object_free, \
	.export = gpumem_object_export, \
	.get_sg_table = gpumem_object_get_sg_table, \
	.vmap = gpumem_object_vmap, \
	.vunmap = gpumem_object_vunmap, \
	.mmap = gpumem_object_mmap, \
	GPUMEM_GEM_OBJECT_STATUS(gpumem_object_status, gpumem_object_rss)

/**
 * DRM_GPUMEM_DRIVER_OPS - what a &drm_driver needs to use this helper
 *
 * Takes the place of DRM_GEM_SHMEM_DRIVER_OPS, and as that imports without a DMA
 * mapping where virtual devices have none. A driver with a DMA engine takes the
 * two dumb-buffer functions, and for &drm_driver.gem_prime_import and
 * &drm_driver.gem_prime_import_sg_table gpumem_prime_import() and
 * gpumem_prime_import_sg_table().
 */
#define DRM_GPUMEM_DRIVER_OPS \
	GPUMEM_DRM_DRIVER_PRIME \
	GPUMEM_DRM_DRIVER_IMPORT \
	.dumb_map_offset = gpumem_dumb_map_offset, \
	.dumb_create = gpumem_dumb_create

/**
 * gpumem_object_pages - number of page slots
 * @bo: the object
 *
 * Returns: the size in pages.
 */
static inline pgoff_t gpumem_object_pages(const struct gpumem_object *bo)
{
	return bo->base.size >> PAGE_SHIFT;
}

#endif /* _DRM_GPUMEM_HELPER_H_ */
