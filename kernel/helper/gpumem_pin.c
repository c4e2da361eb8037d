// SPDX-License-Identifier: GPL-2.0
/*
 * Pins: who needs the pages of an object in place, for a short time or a long
 * one. Why a counter is enough stands at the top of gpumem_object.c; whose pins
 * they are is their maker's business.
 */
#include <linux/delay.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/sched.h>

#include <drm/drm_device.h>
#include <drm/drm_print.h>

#include "gpumem_internal.h"
#include "gpumem_lru.h"
#include "gpumem_trace.h"

/* How often a long pin tries to replace a page in use, and how far apart. */
#define GPUMEM_REBACK_TRIES	50
#define GPUMEM_REBACK_WAIT_US	2000

static void gpumem_object_set_pins(struct gpumem_object *bo, unsigned int pins)
{
	bool was_pinned = bo->pins;

	lockdep_assert_held(&bo->lock);

	if (was_pinned == !!pins) {
		WRITE_ONCE(bo->pins, pins);
		return;
	}
	WRITE_ONCE(bo->pins, pins);
	gpumem_purge_update(bo);
	atomic64_add(pins ? 1 : -1, &gpumem_counters.pinned_objects);
	if (bo->backing->set_pinned)
		bo->backing->set_pinned(bo, pins);
}

static int gpumem_object_reback(struct gpumem_object *bo)
{
	int ret;

	if (!dma_resv_test_signaled(bo->base.resv, DMA_RESV_USAGE_BOOKKEEP))
		return -EAGAIN;
	gpumem_object_revoke_mappings(bo);
	if (!list_empty(&bo->mappings))
		return -EAGAIN;

	/* Compaction need not start on what is about to be pinned. */
	if (bo->backing->set_pinned)
		bo->backing->set_pinned(bo, true);
	ret = bo->backing->reback(bo);
	if (!ret)
		bo->suspect = false;
	else if (bo->backing->set_pinned)
		bo->backing->set_pinned(bo, false);
	return ret;
}

/* With GPUMEM_POPULATE_LONGTERM the object's reservation is held. */
static int gpumem_object_do_pin(struct gpumem_object *bo, unsigned int flags)
{
	bool longterm = flags & GPUMEM_POPULATE_LONGTERM;
	pgoff_t n = gpumem_object_pages(bo);
	ktime_t start = ktime_get();
	bool rebacked = false;
	int ret = 0;

	if (flags & GPUMEM_POPULATE_UNKILLABLE)
		mutex_lock(&bo->lock);
	else
		ret = mutex_lock_killable(&bo->lock);
	if (ret)
		return ret;
	if (bo->purge == GPUMEM_PURGED) {
		ret = -ENODATA;
		goto out;
	}
	if (bo->pins == UINT_MAX) {
		ret = -EOVERFLOW;
		goto out;
	}
	if (longterm && bo->suspect) {
		ret = bo->pins ? -EBUSY : gpumem_object_reback(bo);
		if (ret)
			goto out;
		rebacked = true;
	}
	if (bo->resident < n) {
		ret = bo->backing->populate(bo, 0, n, flags, start);
		if (ret) {
			if (rebacked && bo->backing->set_pinned)
				bo->backing->set_pinned(bo, false);
			goto out;
		}
	}
	gpumem_object_set_pins(bo, bo->pins + 1);
	trace_gpumem_pin(bo->id, bo->pins);
out:
	mutex_unlock(&bo->lock);
	return ret;
}

/**
 * gpumem_object_pin - make an object resident and keep its pages in place
 * @bo: the object
 *
 * Pins nest. Takes constant time if the object is resident. Waits for the page
 * copy of a move that is under way, and for a task that is populating the
 * object. May be called with the object's reservation held.
 *
 * Returns: 0, -ENOMEM, -EINTR when the task is being killed, -EOVERFLOW, or
 * -ENODATA if the contents were purged. On error nothing is pinned and no page
 * was added.
 */
int gpumem_object_pin(struct gpumem_object *bo)
{
	return gpumem_object_do_pin(bo, 0);
}
EXPORT_SYMBOL_GPL(gpumem_object_pin);

/**
 * gpumem_object_pin_unkillable - pin although the task may be about to die
 * @bo: the object
 *
 * For callers to whom an error looks like a mistake of the exporter's, as
 * dma_buf_vmap().
 *
 * Returns: as gpumem_object_pin(), but never -EINTR.
 */
int gpumem_object_pin_unkillable(struct gpumem_object *bo)
{
	return gpumem_object_do_pin(bo, GPUMEM_POPULATE_UNKILLABLE);
}

/**
 * gpumem_object_pin_longterm - pin for longer than a task waits
 * @bo: the object, its reservation locked
 *
 * As gpumem_object_pin(), but pages that may lie in ZONE_MOVABLE or CMA are first
 * replaced by others, so that the pin does not defeat the purpose of that memory.
 * Takes constant time only if no page has moved since the last long pin. If there
 * is something to replace it tells importers that have it mapped, maybe the one
 * that asks, and waits for the fences of the reservation: without a limit, with the
 * reservation held so that no new ones come, until a signal comes. So no fence in
 * the reservation may need the reservation to signal, as ever.
 *
 * Returns: as gpumem_object_pin(), or -EBUSY if such a page cannot be replaced
 * because the object is pinned for a short time or somebody uses the page, maybe the
 * CPU through a dma-buf that is mapped,
 * -EHWPOISON if one cannot be read, -ERESTARTSYS if any signal ended the wait for
 * fences: the system call starts again, or returns -EINTR. On error nothing is pinned;
 * some pages may have been replaced.
 */
int gpumem_object_pin_longterm(struct gpumem_object *bo)
{
	unsigned int tries = GPUMEM_REBACK_TRIES;
	long left;
	int ret;

	dma_resv_assert_held(bo->base.resv);

	for (;;) {
		if (READ_ONCE(bo->suspect) && !READ_ONCE(bo->pins)) {
			gpumem_object_tell_importers(bo);
			left = dma_resv_wait_timeout(bo->base.resv,
						     DMA_RESV_USAGE_BOOKKEEP,
						     true, MAX_SCHEDULE_TIMEOUT);
			if (left < 0)
				return left;
		}
		ret = gpumem_object_do_pin(bo, GPUMEM_POPULATE_LONGTERM);
		if (ret != -EAGAIN)
			return ret;
		if (!--tries)
			return -EBUSY;
		/*
		 * A page that was used lately may still be in a batch of some
		 * CPU, and compaction holds the pages that it looks at.
		 */
		gpumem_drain_lru_batches();
		/* It is short, and a call made anew would begin it anew. */
		if (fatal_signal_pending(current))
			return -EINTR;
		fsleep(GPUMEM_REBACK_WAIT_US);
	}
}
EXPORT_SYMBOL_GPL(gpumem_object_pin_longterm);

/**
 * gpumem_object_unpin - undo one gpumem_object_pin()
 * @bo: the object
 */
void gpumem_object_unpin(struct gpumem_object *bo)
{
	gpumem_object_unpin_many(bo, 1);
}
EXPORT_SYMBOL_GPL(gpumem_object_unpin);

/**
 * gpumem_object_unpin_many - undo many pins at once
 * @bo: the object
 * @pins: number of pins, not 0
 */
void gpumem_object_unpin_many(struct gpumem_object *bo, unsigned int pins)
{
	mutex_lock(&bo->lock);
	if (!drm_WARN_ON(bo->base.dev, bo->pins < pins)) {
		gpumem_object_set_pins(bo, bo->pins - pins);
		trace_gpumem_unpin(bo->id, bo->pins);
		gpumem_purge_touch(bo);
	}
	mutex_unlock(&bo->lock);
}
EXPORT_SYMBOL_GPL(gpumem_object_unpin_many);
