// SPDX-License-Identifier: GPL-2.0
/*
 * May a page of this object move now? What backings ask in their callbacks, and
 * what they tell of a page that did or that came. The states and the lock order
 * stand at the top of gpumem_object.c.
 */
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "gpumem_internal.h"

/**
 * gpumem_object_begin_move - may a page of this object move now?
 * @bo: object that owns a locked page
 *
 * For migration callbacks. Never sleeps. On success the object's lock and
 * reservation are held until gpumem_object_end_move(): no pin, populate or new
 * fence gets in between. A fault on the page is excluded by the page lock (gemfs)
 * or the object's (mops).
 *
 * Returns: 0, -EBUSY if the object is pinned or an importer has it mapped, who is
 * then asked to let go unless the CPU has access just now, or
 * -EAGAIN if a lock is held or a fence has not signalled.
 */
int gpumem_object_begin_move(struct gpumem_object *bo)
{
	/*
	 * Not every kernel annotates all that migrates pages as reclaim. With
	 * this, lockdep knows that a lock that is slept on here must not be held
	 * over an allocation; inside direct compaction it does nothing.
	 */
	fs_reclaim_acquire(GFP_KERNEL);

	if (!mutex_trylock(&bo->lock))
		goto err_busy;

	if (bo->pins) {
		mutex_unlock(&bo->lock);
		fs_reclaim_release(GFP_KERNEL);
		atomic64_inc(&gpumem_counters.refused_pinned);
		return -EBUSY;
	}

	if (!list_empty(&bo->mappings)) {
		if (!bo->cpu_accesses)
			queue_work(gpumem_revoke_queue, &bo->revoke);
		mutex_unlock(&bo->lock);
		fs_reclaim_release(GFP_KERNEL);
		atomic64_inc(&gpumem_counters.refused_busy);
		return -EBUSY;
	}

	if (!dma_resv_trylock(bo->base.resv))
		goto err_unlock;
	if (!dma_resv_test_signaled(bo->base.resv, DMA_RESV_USAGE_BOOKKEEP))
		goto err_unlock_resv;

	return 0;

err_unlock_resv:
	dma_resv_unlock(bo->base.resv);
err_unlock:
	mutex_unlock(&bo->lock);
err_busy:
	fs_reclaim_release(GFP_KERNEL);
	atomic64_inc(&gpumem_counters.refused_busy);
	return -EAGAIN;
}

/**
 * gpumem_object_end_move - after gpumem_object_begin_move() succeeded
 * @bo: the object; may be freed as soon as the callback returns
 * @result: 0 if the page was moved, else a negative errno
 */
void gpumem_object_end_move(struct gpumem_object *bo, int result)
{
	if (!result)
		gpumem_object_count_move(bo);
	else if (result == -EAGAIN)
		atomic64_inc(&gpumem_counters.refused_busy);
	dma_resv_unlock(bo->base.resv);
	mutex_unlock(&bo->lock);
	fs_reclaim_release(GFP_KERNEL);
}

/**
 * gpumem_object_count_move - account a page that moved
 * @bo: the object, locked
 */
void gpumem_object_count_move(struct gpumem_object *bo)
{
	lockdep_assert_held(&bo->lock);

	WRITE_ONCE(bo->moved, bo->moved + 1);
	atomic64_inc(&gpumem_counters.moved);
}

/**
 * gpumem_page_is_suspect - may this page lie where a long pin must not hold it?
 * @page: page that was allocated with __GFP_MOVABLE
 *
 * A module can see zones but not the page blocks of CMA, so with CMA it may be
 * any page.
 *
 * Returns: true if the page may be in ZONE_MOVABLE or CMA.
 */
bool gpumem_page_is_suspect(struct page *page)
{
	return IS_ENABLED(CONFIG_CMA) || is_zone_movable_page(page);
}

/**
 * gpumem_object_got_page - a page allocated with __GFP_MOVABLE is in a slot
 * @bo: the object, locked
 * @page: the page
 */
void gpumem_object_got_page(struct gpumem_object *bo, struct page *page)
{
	lockdep_assert_held(&bo->lock);

	if (!bo->suspect && gpumem_page_is_suspect(page))
		WRITE_ONCE(bo->suspect, true);
}
