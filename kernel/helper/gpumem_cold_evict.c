// SPDX-License-Identifier: GPL-2.0
/*
 * Cold buffers: how pages get into the compressed store, because somebody says so
 * or in reclaim. What is in &gpumem_object.cold stands at the top of gpumem_cold.c.
 *
 * A page is given up in steps, all of them under the object's lock and with its
 * reservation held, so that there is no pin, no fence and no populate in between:
 *
 *   1. &gpumem_backing.evict_begin takes it out of all mappings, sees that nobody
 *      else uses it, and compresses it. From here on the backing can tell if
 *      somebody writes to it.
 *   2. The store keeps what came out, and the entry is made. This is where memory
 *      is allocated; the page is not locked.
 *   3. &gpumem_backing.evict_end frees the page, unless somebody has used it since
 *      step 1: then it stays and the entry goes.
 *
 * Not given up: pages of objects that are pinned, exported or named (as
 * gpumem_purge_is_allowed(), and for the same reason: another user may depend on
 * its timing), imported, or with an unsignalled fence; pages that somebody has a
 * reference of; pages that the hardware has given up on.
 */
#include <linux/delay.h>
#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "../store/gpumem_store.h"
#include "gpumem_cold.h"
#include "gpumem_cold_inside.h"
#include "gpumem_internal.h"
#include "gpumem_lru.h"
#include "gpumem_trace.h"

/* A page that was not worth compressing is not tried again for so long. */
#define GPUMEM_COLD_RETRY	(10 * HZ)

/* Pages that are compressed before others get a chance at the object's lock. */
#define GPUMEM_COLD_BATCH	16

/* Slots that are looked at for them, and for a call of reclaim. */
#define GPUMEM_COLD_LOOKS	1024
#define GPUMEM_COLD_SCAN_LOOKS	8192

/* How often pages that are in use for the moment are tried, and how far apart. */
#define GPUMEM_COLD_TRIES	4
#define GPUMEM_COLD_WAIT_US	2000

/*
 * Reclaim may use the reserves, as when it swaps to memory: each page that goes gives
 * back at once what it took, and mostly more.
 */
#define GPUMEM_COLD_RECLAIM_GFP	(GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT)

/* Was it found incompressible a moment ago? */
static bool gpumem_cold_is_hopeless(struct gpumem_object *bo, pgoff_t index)
{
	unsigned long then, now = jiffies & LONG_MAX;
	void *entry = xa_load(&bo->cold, index);

	if (!entry)
		return false;
	if (!gpumem_cold_stays(bo, index))
		return true;
	then = xa_to_value(entry);
	if (now - then < GPUMEM_COLD_RETRY)
		return true;
	/* The mark must not stay with what comes next. */
	xa_erase(&bo->cold, index);
	return false;
}

/* An entry for what was compressed, NULL without memory. */
static void *gpumem_cold_make_entry(struct gpumem_object *bo, pgoff_t index,
				    const struct gpumem_compressor *c, gfp_t gfp)
{
	if (c->content == GPUMEM_SAME)
		return xa_mk_value(c->value);
	return gpumem_store_put(c, gpumem_cold_seed(bo, index), gfp);
}

static void gpumem_cold_remember_stays(struct gpumem_object *bo, pgoff_t index,
				       gfp_t gfp)
{
	void *entry = xa_mk_value(jiffies & LONG_MAX);

	atomic64_inc(&gpumem_cold_counters.incompressible);
	/* Reclaim has better use for memory: it leaves the whole object alone. */
	if (!gfpflags_allow_blocking(gfp))
		return;
	/* Without memory it is tried again, which does no harm. */
	if (!xa_err(xa_store(&bo->cold, index, entry, gfp)))
		xa_set_mark(&bo->cold, index, GPUMEM_COLD_STAYS);
}

/* After &gpumem_backing.evict_begin. Returns as gpumem_cold_evict_page(). */
static int gpumem_cold_keep_page(struct gpumem_object *bo, pgoff_t index,
				 struct gpumem_compressor *c, gfp_t gfp)
{
	void *entry;
	int ret;

	if (c->content == GPUMEM_INCOMPRESSIBLE) {
		bo->backing->evict_end(bo, index, false);
		gpumem_cold_remember_stays(bo, index, gfp);
		return -E2BIG;
	}

	ret = -ENOMEM;
	entry = gpumem_cold_make_entry(bo, index, c, gfp);
	if (!entry)
		goto err_end;
	if (xa_err(xa_store(&bo->cold, index, entry, gfp)))
		goto err_free;

	ret = bo->backing->evict_end(bo, index, true);
	if (ret) {
		xa_erase(&bo->cold, index);
		gpumem_cold_free_entry(entry);
		return ret;
	}
	gpumem_cold_account(bo, 1, gpumem_cold_entry_bytes(entry));
	if (c->content == GPUMEM_SAME)
		atomic64_inc(&gpumem_cold_counters.same);
	atomic64_inc(&gpumem_counters.evicted);
	trace_gpumem_evict(bo->id, index, gpumem_cold_entry_bytes(entry));
	return 0;

err_free:
	gpumem_cold_free_entry(entry);
err_end:
	bo->backing->evict_end(bo, index, false);
	atomic64_inc(&gpumem_cold_counters.no_memory);
	return ret;
}

static int gpumem_cold_try_page(struct gpumem_object *bo, pgoff_t index,
				struct gpumem_compressor *c, gfp_t gfp,
				bool *charged)
{
	struct mem_cgroup *memcg;
	int ret;

	ret = bo->backing->evict_begin(bo, index, c);
	if (ret)
		return ret;
	*charged = c->memcg;
	if (!c->memcg)
		return gpumem_cold_keep_page(bo, index, c, gfp);

	/* Whose page it was pays for what is left of it, whoever asked. */
	memcg = set_active_memcg(c->memcg);
	ret = gpumem_cold_keep_page(bo, index, c, gfp);
	set_active_memcg(memcg);
	mem_cgroup_put(c->memcg);
	return ret;
}

/*
 * Returns 0 if the page went, -ENOENT if there is nothing to do, -E2BIG if it is
 * not worth it, -EAGAIN if it is in use for now, or -ENOMEM.
 */
static int gpumem_cold_evict_page(struct gpumem_object *bo, pgoff_t index,
				  struct gpumem_compressor *c, gfp_t gfp)
{
	bool charged = false;
	unsigned int flags;
	int ret;

	if (gpumem_cold_is_hopeless(bo, index))
		return -ENOENT;
	ret = gpumem_cold_try_page(bo, index, c, gfp, &charged);
	if (ret != -ENOMEM || !charged || !gfpflags_allow_blocking(gfp))
		return ret;
	/*
	 * A group at its limit has nothing to reclaim, and this is the way to get
	 * below: what is charged beyond the limit is less than what goes at once.
	 */
	flags = memalloc_noreclaim_save();
	ret = gpumem_cold_try_page(bo, index, c, GPUMEM_COLD_RECLAIM_GFP, &charged);
	memalloc_noreclaim_restore(flags);
	return ret;
}

/* How a walk over an object's pages is going. */
struct gpumem_cold_walk {
	/* The next slot. */
	pgoff_t index;
	/* Slots that were looked at, and pages that were compressed or in use. */
	unsigned long looked, tried;
	/* Pages that were given up. */
	unsigned long evicted;
	/* Pages that were in use. */
	unsigned long in_use;
	/* No memory was left. */
	bool no_memory;
};

/*
 * Give up some pages. The object is locked, and its reservation. Returns false if
 * the whole object has to stay.
 */
static bool gpumem_cold_evict_batch(struct gpumem_object *bo,
				    struct gpumem_compressor *c,
				    struct gpumem_cold_walk *walk, gfp_t gfp)
{
	pgoff_t n = gpumem_object_pages(bo);
	unsigned int tried = 0, looked = 0;
	int ret;

	lockdep_assert_held(&bo->lock);
	dma_resv_assert_held(bo->base.resv);

	if (!gpumem_cold_is_allowed(bo) || !list_empty(&bo->mappings) ||
	    !dma_resv_test_signaled(bo->base.resv, DMA_RESV_USAGE_BOOKKEEP))
		return false;

	while (tried < GPUMEM_COLD_BATCH && looked++ < GPUMEM_COLD_LOOKS &&
	       walk->index < n && !walk->no_memory) {
		ret = gpumem_cold_evict_page(bo, walk->index++, c, gfp);
		tried += ret != -ENOENT;
		walk->evicted += !ret;
		walk->in_use += ret == -EAGAIN;
		walk->no_memory = ret == -ENOMEM;
		cond_resched();
	}
	walk->tried += tried;
	walk->looked += looked;
	return true;
}

/* One pass over all pages. Returns false if there is no use in another. */
static bool gpumem_cold_advise_pass(struct gpumem_object *bo,
				    struct gpumem_cold_walk *walk)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN;
	struct gpumem_compressor *c;
	bool allowed = true;

	while (allowed && walk->index < gpumem_object_pages(bo) &&
	       !walk->no_memory) {
		/* Others may hold the reservation of what they share for long. */
		if (!gpumem_cold_is_allowed(bo) ||
		    dma_resv_lock_interruptible(bo->base.resv, NULL))
			return false;
		if (mutex_lock_killable(&bo->lock)) {
			dma_resv_unlock(bo->base.resv);
			return false;
		}
		c = gpumem_compressor_get(true);
		allowed = gpumem_cold_evict_batch(bo, c, walk, gfp);
		gpumem_compressor_put(c);
		mutex_unlock(&bo->lock);
		dma_resv_unlock(bo->base.resv);
		if (signal_pending(current))
			return false;
		cond_resched();
	}
	return allowed && !walk->no_memory;
}

/**
 * gpumem_cold_advise - give up what can be given up now
 * @bo: the object, not locked
 *
 * Takes as long as compressing it does. A page that was used a moment ago may be in
 * a batch of some CPU, so such pages are tried a few times.
 *
 * Returns: 0; what stays, stays.
 */
int gpumem_cold_advise(struct gpumem_object *bo)
{
	unsigned int tries;

	for (tries = 0; tries < GPUMEM_COLD_TRIES; tries++) {
		struct gpumem_cold_walk walk = {};

		if (!gpumem_cold_advise_pass(bo, &walk) || !walk.in_use)
			return 0;
		atomic64_add(walk.in_use, &gpumem_cold_counters.in_use);
		gpumem_drain_lru_batches();
		fsleep(GPUMEM_COLD_WAIT_US);
	}
	return 0;
}

/**
 * gpumem_cold_evict_some - give up pages of an object in reclaim
 * @bo: the object, which stays alive
 * @budget: pages to try at most, more or less; receives how many were tried
 *
 * Only trylocks, and takes no memory that has to be waited for. Goes on where it
 * stopped the last time. An object that mostly does not compress is left alone as
 * if it had been used.
 *
 * Returns: pages that went, less those that the store took for it.
 */
unsigned long gpumem_cold_evict_some(struct gpumem_object *bo,
				     unsigned long *budget)
{
	struct gpumem_cold_walk walk = {};
	unsigned long taken = gpumem_store_pages();
	unsigned long want = *budget;
	struct gpumem_compressor *c;
	bool allowed;

	*budget = 0;
	if (!mutex_trylock(&bo->lock))
		return 0;
	if (!dma_resv_trylock(bo->base.resv))
		goto out_unlock;
	c = gpumem_compressor_get(false);
	if (!c)
		goto out_unlock_resv;
	walk.index = bo->idle_next;
	do {
		allowed = gpumem_cold_evict_batch(bo, c, &walk,
						  GPUMEM_COLD_RECLAIM_GFP);
	} while (allowed && walk.tried < want && !walk.no_memory &&
		 walk.looked < GPUMEM_COLD_SCAN_LOOKS &&
		 walk.index < gpumem_object_pages(bo));
	bo->idle_next = walk.index < gpumem_object_pages(bo) ? walk.index : 0;
	if (walk.evicted < walk.tried / 4)
		WRITE_ONCE(bo->touched, jiffies);
	gpumem_compressor_put(c);
out_unlock_resv:
	dma_resv_unlock(bo->base.resv);
out_unlock:
	mutex_unlock(&bo->lock);
	if (walk.in_use) {
		atomic64_add(walk.in_use, &gpumem_cold_counters.in_use);
		gpumem_drain_lru_batches();
	}
	*budget = walk.tried;
	taken = gpumem_store_pages() - taken;
	return (long)taken <= 0 ? walk.evicted :
	       walk.evicted > taken ? walk.evicted - taken : 0;
}
