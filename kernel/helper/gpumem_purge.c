// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers whose contents nobody needs: madvise, and the shrinker that takes their
 * pages under memory pressure, those of the longest unused buffer first.
 *
 * A buffer that is advised GPUMEM_MADV_DONTNEED is in the manager's list, the
 * longest unused first. The shrinker takes it off, with @scanned set instead of a
 * reference: a last reference dropped in reclaim would free the object there, and
 * maybe after its device. Freeing waits for @scanned to be cleared, which takes
 * no lock that the shrinker could be waiting for, as it only trylocks.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/wait.h>

#include "../compat/gpumem_compat_shrinker.h"
#include "gpumem_cold.h"
#include "gpumem_internal.h"
#include "gpumem_lru.h"
#include "gpumem_trace.h"

/* One that could not go so often in a row lets others have their turn. */
#define GPUMEM_PURGE_REFUSALS	4

/* Between two tries to purge a damaged one. */
#define GPUMEM_PURGE_WAIT_US	2000

static LIST_HEAD(gpumem_purgeable);
/* A leaf. Protects the list, and @scanned, @refusals, @purgeable of every object. */
static DEFINE_SPINLOCK(gpumem_purgeable_lock);
static DECLARE_WAIT_QUEUE_HEAD(gpumem_scan_done);
static atomic_long_t gpumem_purgeable_pages;
static struct shrinker *gpumem_shrinker;

/**
 * gpumem_purge_forget - an object is about to be freed
 * @bo: the object, without references
 *
 * Waits for the shrinker if it is at work on the object.
 */
void gpumem_purge_forget(struct gpumem_object *bo)
{
	spin_lock(&gpumem_purgeable_lock);
	wait_event_cmd(gpumem_scan_done, !bo->scanned,
		       spin_unlock(&gpumem_purgeable_lock),
		       spin_lock(&gpumem_purgeable_lock));
	list_del_init(&bo->purge_link);
	spin_unlock(&gpumem_purgeable_lock);
}

/**
 * gpumem_purge_touch - an object is used
 * @bo: the object
 *
 * Puts it at the end of the list if it is in there. It is not idle either.
 */
void gpumem_purge_touch(struct gpumem_object *bo)
{
	WRITE_ONCE(bo->touched, jiffies);
	if (!READ_ONCE(bo->dontneed))
		return;
	spin_lock(&gpumem_purgeable_lock);
	if (!bo->scanned && !list_empty(&bo->purge_link))
		list_move_tail(&bo->purge_link, &gpumem_purgeable);
	spin_unlock(&gpumem_purgeable_lock);
}

/**
 * gpumem_purge_is_allowed - may the pages be taken, as far as users have said?
 * @bo: the object
 *
 * One user's advice is not enough for a buffer that others may have: a dma-buf's
 * importers map it and read it unseen, and whoever knows its name (flink) may open it.
 *
 * Returns: true if it is advised DONTNEED, not pinned, not exported and without a name.
 */
bool gpumem_purge_is_allowed(const struct gpumem_object *bo)
{
	return READ_ONCE(bo->dontneed) && !READ_ONCE(bo->pins) &&
	       !atomic_read(&bo->exports) && !READ_ONCE(bo->base.name);
}

/*
 * Account anew what of an object may be taken. Whoever changes something that
 * this depends on calls it afterwards, so the last one is right.
 */
static void gpumem_purge_recount(struct gpumem_object *bo)
{
	unsigned long pages;

	spin_lock(&gpumem_purgeable_lock);
	pages = gpumem_purge_is_allowed(bo) ?
		READ_ONCE(bo->resident) + gpumem_cold_weight(bo) : 0;
	atomic_long_add(pages - bo->purgeable, &gpumem_purgeable_pages);
	bo->purgeable = pages;
	spin_unlock(&gpumem_purgeable_lock);
}

/**
 * gpumem_purge_update - pins or resident pages of an object have changed
 * @bo: the object, locked
 */
void gpumem_purge_update(struct gpumem_object *bo)
{
	lockdep_assert_held(&bo->lock);

	if (bo->dontneed)
		gpumem_purge_recount(bo);
}

/**
 * gpumem_purge_add_export - a dma-buf of the object is about to be made
 * @bo: the object
 *
 * Called with locks of the DRM core held that others want, so it does not wait for
 * a populate.
 *
 * Returns: 0, -EINTR when the task is being killed, or -ENODATA if the contents
 * were taken, -EIO if they are damaged: importers do not expect that, and
 * dma_buf_vmap() warns of an exporter that fails.
 */
int gpumem_purge_add_export(struct gpumem_object *bo)
{
	int ret;

	atomic_inc(&bo->exports);
	/*
	 * Either this sees that a purge is under way, or the purge sees this:
	 * pairs with the barrier in gpumem_purge_object().
	 */
	smp_mb__after_atomic();
	ret = gpumem_purge_check(bo);
	if (!ret && READ_ONCE(bo->damaged))
		ret = -EIO;
	if (ret)
		atomic_dec(&bo->exports);
	gpumem_purge_recount(bo);
	return ret;
}

static unsigned long gpumem_purge_object(struct gpumem_object *bo);

static void gpumem_purge_set_dontneed(struct gpumem_object *bo, bool dontneed)
{
	lockdep_assert_held(&bo->lock);

	WRITE_ONCE(bo->dontneed, dontneed);
	gpumem_purge_recount(bo);

	spin_lock(&gpumem_purgeable_lock);
	/* The shrinker puts one that it is looking at where it belongs itself. */
	if (!bo->scanned) {
		if (dontneed)
			list_move_tail(&bo->purge_link, &gpumem_purgeable);
		else
			list_del_init(&bo->purge_link);
	}
	spin_unlock(&gpumem_purgeable_lock);
}

/**
 * gpumem_purge_drop_export - a dma-buf of the object is gone
 * @bo: the object
 *
 * What is left of an object without a handle are mappings. They may be those of
 * whom it was shared with, and nobody could tell any more that it is needed.
 */
void gpumem_purge_drop_export(struct gpumem_object *bo)
{
	if (!READ_ONCE(bo->base.handle_count)) {
		mutex_lock(&bo->lock);
		gpumem_purge_set_dontneed(bo, false);
		mutex_unlock(&bo->lock);
	}
	atomic_dec(&bo->exports);
	gpumem_purge_recount(bo);
}

/*
 * Everything that is left of an object, with the object locked. What others use of
 * it is theirs.
 */
static void gpumem_purge_rest(struct gpumem_object *bo)
{
	bo->backing->discard(bo, true);
	gpumem_cold_forget(bo);
}

/**
 * gpumem_object_madvise - say whether an object's contents are needed
 * @bo: the object
 * @advice: GPUMEM_DONTNEED if the kernel may take the pages and with them the
 *	contents, GPUMEM_COLD if it may compress them now
 * @retained: receives whether the contents are those that were written
 *
 * A buffer whose contents were taken gives SIGBUS when it is touched and cannot
 * be pinned, until it is needed again: then it reads as zeros.
 *
 * Returns: 0, -EOPNOTSUPP if the pages are another device's, or -EINTR when the
 * task is being killed.
 */
int gpumem_object_madvise(struct gpumem_object *bo, enum gpumem_advice advice,
			  bool *retained)
{
	bool needed = advice != GPUMEM_DONTNEED;
	unsigned int tries;
	bool damaged;
	int ret;

	if (!bo->backing->discard)
		return -EOPNOTSUPP;

	ret = mutex_lock_killable(&bo->lock);
	if (ret)
		return ret;

	*retained = bo->purge != GPUMEM_PURGED;
	if (needed && !*retained) {
		/* What was in use when the others went. */
		gpumem_purge_rest(bo);
		WRITE_ONCE(bo->purge, GPUMEM_KEPT);
	}
	gpumem_purge_set_dontneed(bo, !needed);
	damaged = !needed && bo->damaged;
	mutex_unlock(&bo->lock);
	/*
	 * Waiting for the shrinker would leave the user of a damaged object without a
	 * way to have it whole again. What cannot go now, goes there.
	 */
	for (tries = 0; damaged && READ_ONCE(bo->purge) == GPUMEM_KEPT &&
	     tries < GPUMEM_PURGE_REFUSALS; tries++) {
		/* Batches of other CPUs take a moment to be emptied. */
		if (tries)
			fsleep(GPUMEM_PURGE_WAIT_US);
		gpumem_purge_object(bo);
	}

	return advice == GPUMEM_COLD ? gpumem_cold_advise(bo) : 0;
}
EXPORT_SYMBOL_GPL(gpumem_object_madvise);

/**
 * gpumem_purge_check - may an object be touched or pinned?
 * @bo: the object, not locked
 *
 * For fault handlers that do not hold the object's lock. Waits for a purge that
 * is under way.
 *
 * Returns: 0, -ENODATA if the contents were taken, or -EINTR when the task is
 * being killed.
 */
int gpumem_purge_check(struct gpumem_object *bo)
{
	int ret;

	if (likely(READ_ONCE(bo->purge) == GPUMEM_KEPT))
		return 0;

	ret = mutex_lock_killable(&bo->lock);
	if (ret)
		return ret;
	ret = bo->purge == GPUMEM_PURGED ? -ENODATA : 0;
	mutex_unlock(&bo->lock);
	return ret;
}

/* All pages of an object, with everything locked. Returns whether they went. */
static bool gpumem_purge_pages(struct gpumem_object *bo, unsigned long *freed)
{
	unsigned long weight = gpumem_cold_weight(bo);
	long ret = bo->resident ? bo->backing->discard(bo, false) : 0;

	*freed = 0;
	/* Maybe nobody but the kernel's own batches; the next scan will know. */
	if (ret == -EAGAIN)
		gpumem_drain_lru_batches();
	if (ret < 0)
		return false;

	*freed = ret + weight;
	ret += gpumem_cold_forget(bo);
	atomic64_add(ret, &gpumem_counters.purged);
	trace_gpumem_purge(bo->id, ret);
	return true;
}

/* Returns the number of pages that went, 0 if the object has to stay. */
static unsigned long gpumem_purge_object(struct gpumem_object *bo)
{
	unsigned long freed = 0;

	if (!mutex_trylock(&bo->lock))
		return 0;
	if (!gpumem_purge_is_allowed(bo) ||
	    (!bo->resident && !bo->cold_pages) ||
	    !dma_resv_trylock(bo->base.resv))
		goto out_unlock;
	if (!dma_resv_test_signaled(bo->base.resv, DMA_RESV_USAGE_BOOKKEEP))
		goto out_unlock_resv;

	/* Faults wait for the lock from here on. */
	if (bo->purge == GPUMEM_KEPT)
		WRITE_ONCE(bo->purge, GPUMEM_PURGING);
	/* Pairs with gpumem_purge_add_export(). */
	smp_mb();
	if (!atomic_read(&bo->exports) && gpumem_purge_pages(bo, &freed))
		WRITE_ONCE(bo->purge, GPUMEM_PURGED);
	else if (bo->purge == GPUMEM_PURGING)
		WRITE_ONCE(bo->purge, GPUMEM_KEPT);

out_unlock_resv:
	dma_resv_unlock(bo->base.resv);
out_unlock:
	mutex_unlock(&bo->lock);
	return freed;
}

/**
 * gpumem_purgeable_count - pages that the shrinker may find
 *
 * Returns: the number of pages of unpinned buffers that nobody needs, those
 * included that are in use for the moment.
 */
unsigned long gpumem_purgeable_count(void)
{
	return max(atomic_long_read(&gpumem_purgeable_pages), 0L);
}

static unsigned long gpumem_purge_count(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	return gpumem_purgeable_count() ?: SHRINK_EMPTY;
}

/* Nothing is left that could be taken, until it is advised anew. */
static bool gpumem_purge_is_over(const struct gpumem_object *bo)
{
	return READ_ONCE(bo->purge) == GPUMEM_PURGED && !READ_ONCE(bo->resident);
}

static unsigned long gpumem_purge_scan(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	unsigned long freed = 0, scanned = 0;
	struct gpumem_object *bo;
	bool ran_out;
	LIST_HEAD(refused);
	LIST_HEAD(seen);

	spin_lock(&gpumem_purgeable_lock);
	while (scanned < sc->nr_to_scan && !list_empty(&gpumem_purgeable)) {
		unsigned long pages, resident;
		bool allowed;

		bo = list_first_entry(&gpumem_purgeable, struct gpumem_object,
				      purge_link);
		list_move_tail(&bo->purge_link, &refused);
		resident = READ_ONCE(bo->resident) + gpumem_cold_weight(bo);
		allowed = resident && gpumem_purge_is_allowed(bo);
		scanned += allowed ? resident : 1;
		bo->scanned = true;
		spin_unlock(&gpumem_purgeable_lock);

		pages = gpumem_purge_object(bo);
		freed += pages;

		spin_lock(&gpumem_purgeable_lock);
		bo->scanned = false;
		/* What was advised meanwhile, as gpumem_purge_set_dontneed(). */
		if (!READ_ONCE(bo->dontneed) || gpumem_purge_is_over(bo)) {
			list_del_init(&bo->purge_link);
		} else if (allowed && !pages &&
			   ++bo->refusals < GPUMEM_PURGE_REFUSALS) {
			list_move_tail(&bo->purge_link, &seen);
		} else {
			bo->refusals = 0;
		}
		wake_up_all(&gpumem_scan_done);
		cond_resched_lock(&gpumem_purgeable_lock);
	}
	/*
	 * Who could not go is still the longest unused, for a while: its pages
	 * may have been in a batch, but others must have their turn.
	 */
	ran_out = list_empty(&gpumem_purgeable);
	list_splice(&seen, &gpumem_purgeable);
	list_splice_tail(&refused, &gpumem_purgeable);
	spin_unlock(&gpumem_purgeable_lock);

	sc->nr_scanned = scanned;
	/* Somebody further on may still be able to go. */
	return freed || !ran_out ? freed : SHRINK_STOP;
}

/**
 * gpumem_purge_init - start the shrinker
 *
 * Returns: 0 or -ENOMEM.
 */
int gpumem_purge_init(void)
{
	gpumem_shrinker = gpumem_shrinker_register(gpumem_purge_count,
						   gpumem_purge_scan, "gpumem");
	return gpumem_shrinker ? 0 : -ENOMEM;
}

/**
 * gpumem_purge_fini - stop the shrinker; no object is left
 */
void gpumem_purge_fini(void)
{
	gpumem_shrinker_unregister(gpumem_shrinker);
}
