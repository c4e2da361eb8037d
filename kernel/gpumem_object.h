/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The object manager: buffers whose pages the kernel may move unless they are
 * pinned. It does not know how a page is made movable (that is a backing) nor
 * who the users of a buffer are (that is the driver).
 */
#ifndef _GPUMEM_OBJECT_H_
#define _GPUMEM_OBJECT_H_

#include <linux/atomic.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <drm/drm_gem.h>

struct file;
struct gpumem_object;
struct inode;
struct page;
struct sg_table;
struct vm_area_struct;

/**
 * struct gpumem_backing - how the pages of an object are kept
 *
 * One table for each way of making pages movable, and one for buffers that
 * another device exported. The manager calls nothing else.
 */
struct gpumem_backing {
	/** @name: value of the module parameter ``backing``. */
	const char *name;

	/** @id: GPUMEM_BACKING_* of the uapi, 0 for imported buffers. */
	u32 id;

	/**
	 * @load: prepare for any object to be made. Optional.
	 *
	 * Returns: 0 or a negative errno.
	 */
	int (*load)(void);

	/** @unload: undo @load; no object is left. Optional. */
	void (*unload)(void);

	/**
	 * @init: prepare an object of &drm_gem_object.size without pages.
	 * Called once, before anybody can see the object.
	 *
	 * Returns: 0 or a negative errno.
	 */
	int (*init)(struct gpumem_object *bo);

	/**
	 * @fini: free all pages. The object is unreachable by then, except for
	 * callbacks of the kernel that are under way; must wait for those.
	 */
	void (*fini)(struct gpumem_object *bo);

	/**
	 * @populate: make @count pages from @first resident, all or none.
	 * &gpumem_object.lock is held.
	 *
	 * Returns: 0, -ENOMEM, or -EINTR when the task is being killed.
	 */
	int (*populate)(struct gpumem_object *bo, pgoff_t first, pgoff_t count);

	/**
	 * @set_pinned: the first pin came or the last one went; a chance to
	 * spare the kernel vain work. &gpumem_object.lock is held. Optional.
	 */
	void (*set_pinned)(struct gpumem_object *bo, bool pinned);

	/**
	 * @lookup: the page at @index, NULL if it is not resident.
	 * &gpumem_object.lock is held; the page may move when it is dropped,
	 * unless the object is pinned.
	 */
	struct page *(*lookup)(struct gpumem_object *bo, pgoff_t index);

	/**
	 * @mmap: set up @vma. Takes over the reference on the object that the
	 * caller took for the mapping if it returns 0.
	 */
	int (*mmap)(struct gpumem_object *bo, struct vm_area_struct *vma);

	/**
	 * @vmap: map into the kernel; resident and pinned.
	 * &gpumem_object.vmap_lock is held.
	 */
	int (*vmap)(struct gpumem_object *bo, struct iosys_map *map);

	/** @vunmap: undo @vmap. &gpumem_object.vmap_lock is held. */
	void (*vunmap)(struct gpumem_object *bo, struct iosys_map *map);
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

	/** @id: number for debugfs and tracepoints; constant. */
	u64 id;

	/** @link: in the list of all objects; protected by the list's lock. */
	struct list_head link;

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

	/** @pages: the slots (mops); protected by @lock. */
	struct page **pages;

	/** @inode: owner of the page cache that has the slots (gemfs). */
	struct inode *inode;

	/** @file: what mappings hold (gemfs); not a reference, may be NULL. */
	struct file *file;

	/** @sgt: the importer's table (imported objects only); constant. */
	struct sg_table *sgt;
};

#define to_gpumem_object(obj) container_of(obj, struct gpumem_object, base)

/**
 * struct gpumem_counters - state and events over all objects
 *
 * Field names and meanings as in struct drm_gpumem_stats.
 */
struct gpumem_counters {
	/* state now */
	atomic64_t objects;
	atomic64_t bytes;
	atomic64_t resident_pages;
	atomic64_t pinned_objects;
	/* events since load */
	atomic64_t isolated;
	atomic64_t moved;
	atomic64_t put_back;
	atomic64_t refused_pinned;
	atomic64_t refused_busy;
	atomic64_t faults;
};

/**
 * struct gpumem_manager - what all objects share
 */
struct gpumem_manager {
	/** @backing: for new objects; constant after load. */
	const struct gpumem_backing *backing;

	/** @movable: new objects get movable pages; constant after load. */
	bool movable;

	/** @lock: protects @objects. Taken outside &gpumem_object.lock. */
	struct mutex lock;

	/** @objects: every object. One in the list is not yet freed. */
	struct list_head objects;

	/** @next_id: for &gpumem_object.id. */
	atomic64_t next_id;

	/** @counters: kept without locks. */
	struct gpumem_counters counters;
};

extern struct gpumem_manager gpumem_manager;

extern const struct gpumem_backing gpumem_gemfs_backing;
extern const struct gpumem_backing gpumem_mops_backing;
extern const struct gpumem_backing gpumem_import_backing;

int gpumem_manager_init(const char *backing, bool movable);
void gpumem_manager_fini(void);

struct gpumem_object *gpumem_object_create(struct drm_device *dev, size_t size);
struct gpumem_object *
gpumem_object_create_imported(struct drm_device *dev, size_t size,
			      struct sg_table *sgt);

int gpumem_object_pin(struct gpumem_object *bo);
void gpumem_object_unpin(struct gpumem_object *bo);
void gpumem_object_unpin_many(struct gpumem_object *bo, unsigned int pins);

int gpumem_object_vmap_pages(struct gpumem_object *bo, struct iosys_map *map);
void gpumem_object_vunmap_pages(struct gpumem_object *bo,
				struct iosys_map *map);

/* The object side of &drm_gem_object_funcs; open and close are the driver's. */
void gpumem_object_free(struct drm_gem_object *obj);
int gpumem_object_prime_pin(struct drm_gem_object *obj);
void gpumem_object_prime_unpin(struct drm_gem_object *obj);
struct sg_table *gpumem_object_get_sg_table(struct drm_gem_object *obj);
int gpumem_object_vmap(struct drm_gem_object *obj, struct iosys_map *map);
void gpumem_object_vunmap(struct drm_gem_object *obj, struct iosys_map *map);
int gpumem_object_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);
enum drm_gem_object_status gpumem_object_status(struct drm_gem_object *obj);
size_t gpumem_object_rss(struct drm_gem_object *obj);

/* For backings: */
int gpumem_object_begin_move(struct gpumem_object *bo);
void gpumem_object_end_move(struct gpumem_object *bo, int result);
void gpumem_object_add_resident(struct gpumem_object *bo, long pages);

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

#endif /* _GPUMEM_OBJECT_H_ */
