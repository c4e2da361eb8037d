/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the object manager and the backings: the manager knows nothing of how
 * a page is made movable, a backing nothing of who uses a buffer.
 */
#ifndef _GPUMEM_INTERNAL_H_
#define _GPUMEM_INTERNAL_H_

#include <linux/bits.h>
#include <linux/types.h>

#include <drm/gpumem_helper.h>

/* For &gpumem_backing.populate: from memory that a long pin may hold. */
#define GPUMEM_POPULATE_LONGTERM	BIT(0)
/* For callers who must not fail because their task is being killed. */
#define GPUMEM_POPULATE_UNKILLABLE	BIT(1)

struct gpumem_compressor;

/**
 * struct gpumem_backing - how the pages of an object are kept
 *
 * One table for each way of making pages movable, and one for buffers that
 * another device exported. The manager calls nothing else.
 */
struct gpumem_backing {
	/** @name: what gpumem_backing_find() takes. */
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
	 * @populate: make @count pages from @first resident, all or none, with
	 * GPUMEM_POPULATE_* in @flags, with what gpumem_cold_load() says is in
	 * them. @count is 1 or all. Somebody waits for it since @start.
	 * &gpumem_object.lock is held.
	 *
	 * Returns: 0, -ENOMEM, -EINTR when the task is being killed, or -EIO if
	 * a page in the compressed store is damaged.
	 */
	int (*populate)(struct gpumem_object *bo, pgoff_t first, pgoff_t count,
			unsigned int flags, ktime_t start);

	/**
	 * @reback: move pages that gpumem_page_is_suspect() to memory that a
	 * long pin may hold. &gpumem_object.lock and the reservation are held,
	 * there is no pin and no unsignalled fence. On error some pages have
	 * moved and none is lost. Not called for objects that are not movable.
	 *
	 * Returns: 0, -ENOMEM, -EAGAIN if somebody uses a page, -EHWPOISON if one
	 * cannot be read, or -EINTR when the task is being killed.
	 */
	int (*reback)(struct gpumem_object *bo);

	/**
	 * @owner: whose slot has @page, and which? @page is anybody's, though not
	 * a slab or a part of something larger, and the caller has a reference.
	 * Only tries locks. NULL if our own compaction cannot move the pages.
	 *
	 * Returns: the object, which lives until the caller unlocks the page; NULL
	 * and no lock if it is none of this backing's or busy just now, or if the
	 * object is not movable.
	 */
	struct gpumem_object *(*owner)(struct page *page, pgoff_t *index);

	/**
	 * @replace: move a page in the slot @index from @old to @fresh, which was
	 * allocated with __GFP_MOVABLE. The caller has one reference on each and
	 * keeps it. After gpumem_object_begin_move(), as in a callback; the
	 * caller accounts the move.
	 *
	 * Returns: 0, -EAGAIN if somebody uses the page or it is there no more,
	 * or -EHWPOISON if it cannot be read.
	 */
	int (*replace)(struct gpumem_object *bo, pgoff_t index,
		       struct page *old, struct page *fresh);

	/**
	 * @set_pinned: the first pin came or the last one went; a chance to
	 * spare the kernel vain work. &gpumem_object.lock is held. Optional.
	 */
	void (*set_pinned)(struct gpumem_object *bo, bool pinned);

	/**
	 * @discard: free the pages of an object that nobody needs. With @force,
	 * wait for locks and free all; users of single pages keep theirs.
	 * Without, for the shrinker: only trylock, free nothing if somebody else
	 * uses a page, and unmap what goes. &gpumem_object.lock and, without
	 * @force, the reservation are held, and there is no pin. NULL if the
	 * pages are not ours.
	 *
	 * Returns: the number of pages that went, or -EAGAIN.
	 */
	long (*discard)(struct gpumem_object *bo, bool force);

	/**
	 * @evict_begin: for a page that is to be given up and whose contents are
	 * kept elsewhere: take it out of all mappings and, if nobody else uses
	 * it, compress it into @c. From then on whoever uses it is found out by
	 * @evict_end, which is called if and only if this succeeds. Only
	 * trylocks. Also says in @c who is charged for the page.
	 * &gpumem_object.lock and the reservation are held over both, and there is
	 * no pin. NULL if the pages are not ours. See gpumem_cold.c.
	 *
	 * Returns: 0, -ENOENT if there is no page or it has to stay for good, or
	 * -EAGAIN if it is in use for now.
	 */
	int (*evict_begin)(struct gpumem_object *bo, pgoff_t index,
			   struct gpumem_compressor *c);

	/**
	 * @evict_end: free the page, unless it has been used since @evict_begin
	 * or @go is false. Only trylocks.
	 *
	 * Returns: 0 if it is gone, or -EAGAIN.
	 */
	int (*evict_end)(struct gpumem_object *bo, pgoff_t index, bool go);

	/**
	 * @age: take all pages out of user mappings, so that the next touch is a
	 * fault. &gpumem_object.lock is held.
	 */
	void (*age)(struct gpumem_object *bo);

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
	 * @unmap: take all pages out of user mappings, those included that a
	 * fault handler is about to make. &gpumem_object.lock is held, and the
	 * device is unplugged. NULL if drm_dev_unplug() does it.
	 */
	void (*unmap)(struct gpumem_object *bo);

	/**
	 * @vmap: map into the kernel; resident and pinned.
	 * &gpumem_object.vmap_lock is held.
	 */
	int (*vmap)(struct gpumem_object *bo, struct iosys_map *map);

	/** @vunmap: undo @vmap. &gpumem_object.vmap_lock is held. */
	void (*vunmap)(struct gpumem_object *bo, struct iosys_map *map);
};

/**
 * struct gpumem_manager - what all objects share
 */
struct gpumem_manager {
	/** @lock: protects all that follows. Taken outside &gpumem_object.lock. */
	struct mutex lock;

	/** @objects: every object. One in the list is not yet freed. */
	struct list_head objects;

	/**
	 * @walk: where our own compaction goes on in @objects, which is its end;
	 * NULL: at the first. No reference: an object that goes moves it on.
	 */
	struct list_head *walk;

	/** @last_id: the last &gpumem_object.id. */
	u64 last_id;
};

extern struct gpumem_manager gpumem_manager;

extern const struct gpumem_backing gpumem_gemfs_backing;
extern const struct gpumem_backing gpumem_mops_backing;
extern const struct gpumem_backing gpumem_import_backing;

/* gpumem_backings.c */
struct gpumem_object *gpumem_page_owner(struct page *page, pgoff_t *index);

/* gpumem_object.c */
struct gpumem_object *
gpumem_object_create_imported(struct drm_device *dev, size_t size,
			      struct dma_buf *import, struct sg_table *sgt);
bool gpumem_memory_is_left(unsigned long pages);
int gpumem_populate_begin(struct gpumem_object *bo, pgoff_t first, pgoff_t count);
int gpumem_populate_check(struct gpumem_object *bo, pgoff_t index,
			  unsigned long added, unsigned int flags);
void gpumem_object_add_resident(struct gpumem_object *bo, long pages);

/* gpumem_pin.c */
int gpumem_object_pin_unkillable(struct gpumem_object *bo);

/* gpumem_move.c */
int gpumem_object_begin_move(struct gpumem_object *bo);
void gpumem_object_end_move(struct gpumem_object *bo, int result);
void gpumem_object_count_move(struct gpumem_object *bo);
void gpumem_object_got_page(struct gpumem_object *bo, struct page *page);
bool gpumem_page_is_suspect(struct page *page);

/* gpumem_gem.c */
struct page **gpumem_object_page_array(struct gpumem_object *bo);
int gpumem_object_vmap_pages(struct gpumem_object *bo, struct iosys_map *map);
void gpumem_object_vunmap_pages(struct gpumem_object *bo,
				struct iosys_map *map);

/* gpumem_export.c */
extern struct workqueue_struct *gpumem_revoke_queue;
bool gpumem_object_tell_importers(struct gpumem_object *bo);
void gpumem_object_revoke_mappings(struct gpumem_object *bo);
void gpumem_object_revoke_work(struct work_struct *work);
struct drm_gem_object *gpumem_prime_own_object(struct drm_device *dev,
					       struct dma_buf *dma_buf);

/* gpumem_purge.c */
int gpumem_purge_init(void);
void gpumem_purge_fini(void);
unsigned long gpumem_purgeable_count(void);
void gpumem_purge_forget(struct gpumem_object *bo);
void gpumem_purge_touch(struct gpumem_object *bo);
int gpumem_purge_add_export(struct gpumem_object *bo);
void gpumem_purge_drop_export(struct gpumem_object *bo);
bool gpumem_purge_is_allowed(const struct gpumem_object *bo);
void gpumem_purge_update(struct gpumem_object *bo);
int gpumem_purge_check(struct gpumem_object *bo);

#endif /* _GPUMEM_INTERNAL_H_ */
