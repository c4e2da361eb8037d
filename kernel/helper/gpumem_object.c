// SPDX-License-Identifier: GPL-2.0
/*
 * The object manager: lifetime and residency, and the rules that all files of the
 * helper keep. gpumem_pin.c has the pins, gpumem_move.c the question whether a page
 * may move.
 *
 * States of a page slot
 * =====================
 *
 *   state     | meaning                       | who may take the page away
 *   ----------+-------------------------------+---------------------------------
 *   empty     | no memory yet                 | -
 *   movable   | resident, object not pinned   | migration, our compaction, free
 *   isolated  | movable, and the kernel has   | migration, putback, free
 *             | put it on a migration list    |
 *             | (mops hears of it, gemfs not) |
 *   pinned    | resident, object has pins     | nobody until the last unpin
 *   unmovable | resident, module loaded with  | free
 *             | movable=0                     |
 *   mapped    | movable, and an importer that | nobody until it was told and
 *             | can be told has it mapped     | its fences have signalled
 *   purgeable | movable or unmovable, advised | the shrinker as well
 *             | DONTNEED, and not exported    |
 *   cold      | no memory; the contents are   | -
 *             | in the compressed store       |
 *   purged    | the contents were taken; a    | -
 *             | touch is SIGBUS               |
 *
 * Legal changes
 *
 *   empty    -> movable    populate: first touch, pin
 *   movable  -> isolated   the kernel, if there is no pin
 *   isolated -> movable    putback, or migrated (the slot then holds the copy)
 *   movable, isolated <-> pinned   first pin, last unpin. Pinning does not wait
 *                          for isolated pages: their migration is refused and
 *                          they are put back.
 *   movable  -> pinned     with a long pin: a page that may lie in ZONE_MOVABLE
 *                          or CMA is first replaced by another.
 *   movable  -> movable    our own compaction replaces a page by another, as a
 *                          migration would.
 *   movable  -> mapped     dma_buf_map_attachment() of a dynamic importer
 *   mapped   -> movable    it unmaps; or the kernel wants a page: the request is
 *                          refused, a worker tells the importer and waits.
 *   movable <-> purgeable  madvise
 *   purgeable -> purged    the shrinker, if there is no pin, no dma-buf, no
 *                          unsignalled fence and no foreign reference on any
 *                          page of the object
 *   purged   -> empty      advised WILLNEED or COLD
 *   movable, unmovable -> cold   advised COLD, or idle when memory is short, if
 *                          there is no pin, no dma-buf, no unsignalled fence and no
 *                          foreign reference on the page (gpumem_cold.c)
 *   cold     -> movable    populate: touch, pin. The contents come back, or it is
 *                          an error and they stay where they are.
 *   cold     -> purged     with the object, as purgeable
 *   any      -> empty      object freed. An isolated page loses its owner and
 *                          is freed by the kernel when it drops its reference;
 *                          so does a page that somebody else has a reference of.
 *
 * A pin holds no reference on any page. That is enough because nothing but
 * migration and free can take a page from a slot, free needs the last reference
 * on the object, and migration looks at the pin count under the object's lock,
 * which pinning takes as well. What a backing must guarantee for this stands at
 * the top of its file.
 *
 * Lock order, outermost first
 * ===========================
 *
 *   mem_hotplug_lock            (the kernel's, around a block that goes offline)
 *     gpumem_compact_lock       (our own compaction; what it moves it only trylocks;
 *                               reclaim and populate trylock it, anywhere)
 *       gpumem_manager.lock
 *
 *   mmap_lock
 *     dma_resv of the object (PRIME pins and maps into the kernel under it)
 *       gpumem_object.vmap_lock (of an importing object, then the exporter's)
 *       gpumem_manager.lock
 *         gpumem_object.lock (under either)
 *           gpumem_compressor.lock (giving pages up; reclaim trylocks it, as memory
 *                               is allocated under it)
 *           page lock           (making and freeing pages)
 *             gpumem_decompressor.lock (a page comes back; a leaf)
 *             page table locks  (fault)
 *             i_mmap_rwsem      (unmapping)
 *
 *   gpumem_file.lock, gpumem_purgeable_lock, gpumem_idle_lock,
 *   gpumem_slot_class.lock      (leaves: nothing is locked under them)
 *
 * Callbacks of the kernel run inside memory compaction, which can run inside
 * any allocation, also one that is made under any of these locks, except under
 * the page lock: nothing allocates there. They come in with the page lock held
 * (the kernel may hold those of hundreds of pages) and only trylock
 * gpumem_object.lock, then dma_resv.
 * The one lock that a callback waits for is i_mmap_rwsem, as the kernel's own
 * reverse-map walk does; for this reason nothing here allocates under it.
 * Callbacks never call into importers of a dma-buf.
 */
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "gpumem_cold.h"
#include "gpumem_compact.h"
#include "gpumem_internal.h"

/* Pages between two looks at how much memory is left. */
#define GPUMEM_POPULATE_BATCH	256

struct gpumem_manager gpumem_manager = {
	.lock = __MUTEX_INITIALIZER(gpumem_manager.lock),
	.objects = LIST_HEAD_INIT(gpumem_manager.objects),
};

struct gpumem_counters gpumem_counters;
EXPORT_SYMBOL_GPL(gpumem_counters);

/**
 * gpumem_object_free - &drm_gem_object_funcs.free
 * @obj: GEM object without references
 *
 * Sleeps, also for a worker that takes the object's reservation: whoever may drop
 * the last reference must hold no reservation lock.
 */
void gpumem_object_free(struct drm_gem_object *obj)
{
	struct gpumem_object *bo = to_gpumem_object(obj);
	struct gpumem_manager *mgr = &gpumem_manager;

	drm_WARN_ON(obj->dev, bo->pins || bo->vmap_users);
	drm_WARN_ON(obj->dev, !list_empty(&bo->mappings));

	cancel_work_sync(&bo->revoke);
	gpumem_purge_forget(bo);
	gpumem_idle_forget(bo);

	mutex_lock(&mgr->lock);
	if (mgr->walk == &bo->link)
		mgr->walk = bo->link.next;
	list_del(&bo->link);
	mutex_unlock(&mgr->lock);

	atomic64_dec(&gpumem_counters.objects);
	atomic64_sub(obj->size, &gpumem_counters.bytes);

	gpumem_cold_fini(bo);
	bo->backing->fini(bo);
	drm_gem_object_release(obj);
	mutex_destroy(&bo->vmap_lock);
	mutex_destroy(&bo->lock);
	kfree(bo);
}
EXPORT_SYMBOL_GPL(gpumem_object_free);

static struct lock_class_key gpumem_import_vmap_key;

/*
 * Both kinds of objects start here. drm_gem_object_release() undoes whatever
 * was done to @base.
 */
static struct gpumem_object *
gpumem_object_alloc(struct drm_device *dev, size_t size,
		    const struct gpumem_backing *backing, bool movable,
		    struct dma_buf *import, struct sg_table *sgt)
{
	struct gpumem_manager *mgr = &gpumem_manager;
	struct drm_gem_object *obj;
	struct gpumem_object *bo;
	int ret;

	if (dev->driver->gem_create_object) {
		obj = dev->driver->gem_create_object(dev, size);
		if (IS_ERR(obj))
			return ERR_CAST(obj);
		bo = to_gpumem_object(obj);
	} else {
		bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
		if (!bo)
			return ERR_PTR(-ENOMEM);
		obj = &bo->base;
	}
	if (!obj->funcs)
		obj->funcs = &gpumem_object_funcs;

	drm_gem_private_object_init(dev, obj, size);
	mutex_init(&bo->lock);
	mutex_init(&bo->vmap_lock);
	/* Mapping another device's buffer may take the same lock of its own. */
	if (import)
		lockdep_set_class(&bo->vmap_lock, &gpumem_import_vmap_key);
	INIT_LIST_HEAD(&bo->purge_link);
	INIT_LIST_HEAD(&bo->mappings);
	gpumem_cold_init(bo);
	INIT_WORK(&bo->revoke, gpumem_object_revoke_work);
	bo->backing = backing;
	bo->import = import;
	bo->sgt = sgt;
	bo->movable = movable;

	/*
	 * An offset range for every object, whether it will be mapped or not:
	 * mmap of a dma-buf has no other place to make one, and one range each
	 * keeps the walk that revokes a page's mappings short.
	 */
	ret = drm_gem_create_mmap_offset(obj);
	if (ret) {
		/* The offset space is a kind of memory to our callers. */
		if (ret == -ENOSPC)
			ret = -ENOMEM;
		goto err_release;
	}

	ret = backing->init(bo);
	if (ret)
		goto err_release;

	atomic64_inc(&gpumem_counters.objects);
	atomic64_add(size, &gpumem_counters.bytes);

	mutex_lock(&mgr->lock);
	/* So that the list is in the order of the ids. */
	bo->id = ++mgr->last_id;
	list_add_tail(&bo->link, &mgr->objects);
	mutex_unlock(&mgr->lock);
	gpumem_idle_add(bo);

	return bo;

err_release:
	drm_gem_object_release(obj);
	mutex_destroy(&bo->vmap_lock);
	mutex_destroy(&bo->lock);
	kfree(bo);
	return ERR_PTR(ret);
}

/**
 * gpumem_object_create - create a buffer
 * @dev: device; if its driver has a &drm_driver.gem_create_object, that must
 *	allocate with kzalloc() and put struct gpumem_object first
 * @size: bytes, a multiple of the page size, not 0
 * @config: what the driver wants, or NULL for the default
 *
 * The buffer has no pages yet; they come zeroed with the first touch or pin.
 *
 * Returns: the object with one reference, or an ERR_PTR().
 */
struct gpumem_object *gpumem_object_create(struct drm_device *dev, size_t size,
					   const struct gpumem_config *config)
{
	static const struct gpumem_config defaults;
	const struct gpumem_backing *backing;

	if (!config)
		config = &defaults;
	backing = config->backing ?: gpumem_backing_find(NULL);

	if (drm_WARN_ON(dev, !size || !PAGE_ALIGNED(size)))
		return ERR_PTR(-EINVAL);

	/* The bookkeeping of a buffer that can never be filled is refused. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);

	return gpumem_object_alloc(dev, size, backing, !config->unmovable,
				   NULL, NULL);
}
EXPORT_SYMBOL_GPL(gpumem_object_create);

/**
 * gpumem_object_create_imported - wrap a buffer of another device
 * @dev: importing device
 * @size: bytes, a multiple of the page size
 * @import: the other device's buffer; the object takes a reference
 * @sgt: the mapped table, which the object owns if this succeeds, or NULL
 *
 * Returns: the object with one reference, or an ERR_PTR().
 */
struct gpumem_object *
gpumem_object_create_imported(struct drm_device *dev, size_t size,
			      struct dma_buf *import, struct sg_table *sgt)
{
	struct gpumem_object *bo;

	bo = gpumem_object_alloc(dev, size, &gpumem_import_backing, false,
				 import, sgt);
	if (!IS_ERR(bo))
		get_dma_buf(import);
	return bo;
}

/**
 * gpumem_device_unplug - the device is gone
 * @dev: a device whose driver uses this helper
 *
 * Takes the place of drm_dev_unplug(), which does not know all mappings. From now
 * on a touch of a buffer is SIGBUS.
 */
void gpumem_device_unplug(struct drm_device *dev)
{
	struct gpumem_manager *mgr = &gpumem_manager;
	struct gpumem_object *bo, *last = NULL;

	drm_dev_unplug(dev);

	mutex_lock(&mgr->lock);
	list_for_each_entry(bo, &mgr->objects, link) {
		if (bo->base.dev != dev || !bo->backing->unmap)
			continue;
		/* One that is being freed has no mappings. */
		if (!kref_get_unless_zero(&bo->base.refcount))
			continue;
		/* A populate may hold the object's lock for long. */
		mutex_unlock(&mgr->lock);
		if (last)
			drm_gem_object_put(&last->base);
		last = bo;
		mutex_lock(&bo->lock);
		bo->backing->unmap(bo);
		mutex_unlock(&bo->lock);
		mutex_lock(&mgr->lock);
	}
	mutex_unlock(&mgr->lock);
	if (last)
		drm_gem_object_put(&last->base);
}
EXPORT_SYMBOL_GPL(gpumem_device_unplug);

/**
 * gpumem_memory_is_left - can so many pages be had without pushing all else out?
 * @pages: number of pages
 *
 * Pages of buffers cannot be reclaimed. A request that ends in failure anyway
 * would first drop everything that can, and stop the machine for minutes.
 *
 * Returns: true if it is worth trying.
 */
bool gpumem_memory_is_left(unsigned long pages)
{
	long available = si_mem_available() + gpumem_purgeable_count();

	if (available > 0 && pages <= available)
		return true;
	/* It may be in the list of a CPU, which is not counted as free. */
	available += gpumem_compact_give_back();
	return available > 0 && pages <= available;
}

/**
 * gpumem_populate_begin - may a populate begin?
 * @bo: the object, locked
 * @first: first slot
 * @count: number of slots, 1 or all
 *
 * What is new can be refused early. What the object has had already cannot: for that
 * it is worth that others are swapped out, unless there is too much of it even so.
 *
 * Returns: 0 or -ENOMEM.
 */
int gpumem_populate_begin(struct gpumem_object *bo, pgoff_t first, pgoff_t count)
{
	unsigned long missing, cold;

	lockdep_assert_held(&bo->lock);

	missing = count > 1 ? count - bo->resident : 1;
	cold = count > 1 ? bo->cold_pages : gpumem_cold_has(bo, first);
	if (missing > cold && !gpumem_memory_is_left(missing - cold))
		return -ENOMEM;
	if (count > 1 && cold && !gpumem_memory_is_left(missing) &&
	    (long)missing > get_nr_swap_pages())
		return -ENOMEM;
	return 0;
}

/**
 * gpumem_populate_check - may a populate go on?
 * @bo: the object, locked
 * @index: the next slot
 * @added: pages added so far
 * @flags: GPUMEM_POPULATE_*
 *
 * Others allocate as well, so what was left at the start may not be any more.
 *
 * Returns: 0, -ENOMEM, or -EINTR when the task is being killed.
 */
int gpumem_populate_check(struct gpumem_object *bo, pgoff_t index,
			  unsigned long added, unsigned int flags)
{
	if (flags & GPUMEM_POPULATE_UNKILLABLE) {
		/* Whoever is to free memory must not take the reserves. */
		if (tsk_is_oom_victim(current))
			return -ENOMEM;
	} else if (fatal_signal_pending(current)) {
		return -EINTR;
	}
	if (added % GPUMEM_POPULATE_BATCH == GPUMEM_POPULATE_BATCH - 1 &&
	    !gpumem_cold_has(bo, index) && !gpumem_memory_is_left(1))
		return -ENOMEM;
	return 0;
}

/**
 * gpumem_object_add_resident - account pages that came or went
 * @bo: the object, locked
 * @pages: number of pages, negative when they went
 */
void gpumem_object_add_resident(struct gpumem_object *bo, long pages)
{
	lockdep_assert_held(&bo->lock);

	WRITE_ONCE(bo->resident, bo->resident + pages);
	gpumem_purge_update(bo);
	atomic64_add(pages, &gpumem_counters.resident_pages);
}
