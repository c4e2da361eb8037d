// SPDX-License-Identifier: GPL-2.0
/*
 * Cold buffers: which pages of an object are in the compressed store instead of
 * in memory, how they get there and how they come back.
 *
 * &gpumem_object.cold says for a slot
 *
 *   nothing                  the store has nothing of it
 *   a piece                  what gpumem_store_get() brings back
 *   a value                  a page of that 32-bit word over and over, without
 *                            any memory in the store
 *   a value, marked STAYS    the page is in memory and was not worth compressing
 *                            at that time (jiffies)
 *
 * An entry that is not marked STAYS and a page in the slot exist together only
 * under the object's lock: while a page is given up, until it is gone, and while
 * it comes back, until nothing can fail any more. So contents are never in neither.
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
 *
 * A page that cannot be brought back because its bytes are not those that were
 * stored is an error to whoever touches it, for as long as its object is needed.
 * Advised DONTNEED, an object with such a page is purged at once.
 */
#include <linux/delay.h>
#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "../store/gpumem_store.h"
#include "gpumem_cold.h"
#include "gpumem_internal.h"
#include "gpumem_lru.h"
#include "gpumem_trace.h"

/* Mark of a slot whose page stays in memory. */
#define GPUMEM_COLD_STAYS	XA_MARK_0

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

/* Restore times by powers of two, in microseconds. */
#define GPUMEM_COLD_TIMES	20

static atomic64_t gpumem_cold_restore_ns;
static atomic64_t gpumem_cold_restore_max_ns;
static atomic64_t gpumem_cold_restores;
static atomic64_t gpumem_cold_times[GPUMEM_COLD_TIMES];
static atomic64_t gpumem_cold_in_use;
static atomic64_t gpumem_cold_incompressible;
static atomic64_t gpumem_cold_same;
static atomic64_t gpumem_cold_no_memory;

/**
 * gpumem_cold_init - an object is made
 * @bo: the object
 */
void gpumem_cold_init(struct gpumem_object *bo)
{
	/* Who has pages compressed pays for what is left of them. */
	xa_init_flags(&bo->cold, XA_FLAGS_ACCOUNT);
	bo->touched = jiffies;
	INIT_LIST_HEAD(&bo->idle_link);
}

/**
 * gpumem_cold_fini - an object is freed
 * @bo: the object; nobody else can reach it
 */
void gpumem_cold_fini(struct gpumem_object *bo)
{
	mutex_lock(&bo->lock);
	gpumem_cold_forget(bo);
	mutex_unlock(&bo->lock);
	xa_destroy(&bo->cold);
}

/**
 * gpumem_cold_is_allowed - may pages be given up, as far as users have said?
 * @bo: the object
 *
 * Returns: true if its contents are there and are nobody else's, and it is not
 * pinned.
 */
bool gpumem_cold_is_allowed(const struct gpumem_object *bo)
{
	/* What nobody needs is purged, which gives more. */
	return bo->backing->evict_begin && !READ_ONCE(bo->pins) &&
	       !READ_ONCE(bo->dontneed) &&
	       READ_ONCE(bo->purge) == GPUMEM_KEPT && !atomic_read(&bo->exports) &&
	       !READ_ONCE(bo->base.name);
}

/**
 * gpumem_cold_weight - what an object would give if its cold pages were forgotten
 * @bo: the object
 *
 * Returns: pages, rounded up.
 */
unsigned long gpumem_cold_weight(const struct gpumem_object *bo)
{
	unsigned long bytes = READ_ONCE(bo->cold_bytes);

	return READ_ONCE(bo->cold_pages) ? bytes / PAGE_SIZE + 1 : 0;
}

static u32 gpumem_cold_seed(const struct gpumem_object *bo, pgoff_t index)
{
	return (u32)bo->id * 0x9e3779b1U + (u32)index;
}

static void gpumem_cold_account(struct gpumem_object *bo, long pages, long bytes)
{
	lockdep_assert_held(&bo->lock);

	WRITE_ONCE(bo->cold_pages, bo->cold_pages + pages);
	WRITE_ONCE(bo->cold_bytes, bo->cold_bytes + bytes);
	atomic64_add(pages, &gpumem_counters.cold_pages);
	gpumem_purge_update(bo);
}

/* Bytes that an entry has in the store. */
static long gpumem_cold_entry_bytes(void *entry)
{
	return xa_is_value(entry) ? 0 : gpumem_piece_length(entry);
}

static void gpumem_cold_free_entry(void *entry)
{
	if (!xa_is_value(entry))
		gpumem_store_free(entry);
}

static bool gpumem_cold_stays(struct gpumem_object *bo, pgoff_t index)
{
	return xa_get_mark(&bo->cold, index, GPUMEM_COLD_STAYS);
}

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

	atomic64_inc(&gpumem_cold_incompressible);
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
		atomic64_inc(&gpumem_cold_same);
	atomic64_inc(&gpumem_counters.evicted);
	trace_gpumem_evict(bo->id, index, gpumem_cold_entry_bytes(entry));
	return 0;

err_free:
	gpumem_cold_free_entry(entry);
err_end:
	bo->backing->evict_end(bo, index, false);
	atomic64_inc(&gpumem_cold_no_memory);
	return ret;
}

/*
 * Returns 0 if the page went, -ENOENT if there is nothing to do, -E2BIG if it is
 * not worth it, -EAGAIN if it is in use for now, or -ENOMEM.
 */
static int gpumem_cold_evict_page(struct gpumem_object *bo, pgoff_t index,
				  struct gpumem_compressor *c, gfp_t gfp)
{
	struct mem_cgroup *memcg;
	int ret;

	if (gpumem_cold_is_hopeless(bo, index))
		return -ENOENT;
	ret = bo->backing->evict_begin(bo, index, c);
	if (ret)
		return ret;
	if (!c->memcg)
		return gpumem_cold_keep_page(bo, index, c, gfp);

	/* Whose page it was pays for what is left of it, whoever asked. */
	memcg = set_active_memcg(c->memcg);
	ret = gpumem_cold_keep_page(bo, index, c, gfp);
	set_active_memcg(memcg);
	mem_cgroup_put(c->memcg);
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
		atomic64_add(walk.in_use, &gpumem_cold_in_use);
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
	/*
	 * Reclaim may use the reserves, as when it swaps to memory: each page that
	 * goes gives back at once what it took, and mostly more.
	 */
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT;
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
		allowed = gpumem_cold_evict_batch(bo, c, &walk, gfp);
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
	if (walk.in_use)
		gpumem_drain_lru_batches();
	*budget = walk.tried;
	taken = gpumem_store_pages() - taken;
	return (long)taken <= 0 ? walk.evicted :
	       walk.evicted > taken ? walk.evicted - taken : 0;
}

/* A touch that had to wait for its page. */
static void gpumem_cold_count_restore(ktime_t start)
{
	s64 ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	u64 us = div_u64(ns, NSEC_PER_USEC);
	s64 max = atomic64_read(&gpumem_cold_restore_max_ns);

	atomic64_inc(&gpumem_cold_restores);
	atomic64_add(ns, &gpumem_cold_restore_ns);
	while (ns > max &&
	       !atomic64_try_cmpxchg(&gpumem_cold_restore_max_ns, &max, ns))
		;
	atomic64_inc(&gpumem_cold_times[us ? min_t(unsigned int, ilog2(us) + 1,
						   GPUMEM_COLD_TIMES - 1) : 0]);
}

/**
 * gpumem_cold_load - fill a new page
 * @bo: the object, locked
 * @index: its slot
 * @page: zeroed page, which nobody sees yet
 *
 * What the store has stays there until gpumem_cold_settle(). Allocates nothing.
 *
 * Returns: 0 if the page has what belongs there, or -EIO.
 */
int gpumem_cold_load(struct gpumem_object *bo, pgoff_t index, struct page *page)
{
	void *entry;
	int ret = 0;

	lockdep_assert_held(&bo->lock);

	if (!bo->cold_pages)
		return 0;
	entry = xa_load(&bo->cold, index);
	if (!entry || gpumem_cold_stays(bo, index))
		return 0;

	if (xa_is_value(entry))
		gpumem_store_fill(page, xa_to_value(entry));
	else
		ret = gpumem_store_get(entry, gpumem_cold_seed(bo, index), page);
	if (ret)
		bo->damaged = true;
	trace_gpumem_restore(bo->id, index, ret);
	return ret;
}

/**
 * gpumem_cold_settle - pages that were loaded are there to stay
 * @bo: the object, locked
 * @first: first slot
 * @count: number of slots, all of them resident
 * @start: when it was begun to make them so
 */
void gpumem_cold_settle(struct gpumem_object *bo, pgoff_t first, pgoff_t count,
			ktime_t start)
{
	long pages = 0, bytes = 0;
	unsigned long index;
	void *entry;

	lockdep_assert_held(&bo->lock);

	if (!bo->cold_pages)
		return;
	xa_for_each_range(&bo->cold, index, entry, first, first + count - 1) {
		if (gpumem_cold_stays(bo, index))
			continue;
		xa_erase(&bo->cold, index);
		pages++;
		bytes += gpumem_cold_entry_bytes(entry);
		gpumem_cold_free_entry(entry);
		cond_resched();
	}
	if (!pages)
		return;
	gpumem_cold_account(bo, -pages, -bytes);
	atomic64_add(pages, &gpumem_counters.restored);
	if (count == 1)
		gpumem_cold_count_restore(start);
}

/**
 * gpumem_cold_forget - the contents are not needed any more
 * @bo: the object, locked
 *
 * Waits for no lock that is held over an allocation.
 *
 * Returns: pages that were in the store.
 */
unsigned long gpumem_cold_forget(struct gpumem_object *bo)
{
	unsigned long pages = bo->cold_pages;
	unsigned long index;
	void *entry;

	lockdep_assert_held(&bo->lock);

	xa_for_each(&bo->cold, index, entry) {
		xa_erase(&bo->cold, index);
		gpumem_cold_free_entry(entry);
		cond_resched();
	}
	bo->damaged = false;
	if (pages)
		gpumem_cold_account(bo, -(long)pages, -(long)bo->cold_bytes);
	return pages;
}

/**
 * gpumem_cold_corrupt - damage one of an object's pages in the store, for tests
 * @bo: the object
 *
 * Returns: 0, or -ENOENT if nothing of it has bytes there.
 */
int gpumem_cold_corrupt(struct gpumem_object *bo)
{
	unsigned long index;
	int ret = -ENOENT;
	void *entry;

	mutex_lock(&bo->lock);
	xa_for_each(&bo->cold, index, entry) {
		if (xa_is_value(entry))
			continue;
		gpumem_store_corrupt(entry);
		ret = 0;
		break;
	}
	mutex_unlock(&bo->lock);
	return ret;
}

/**
 * gpumem_cold_show - for debugfs
 * @m: receives a line of each figure
 */
void gpumem_cold_show(struct seq_file *m)
{
	s64 restores = atomic64_read(&gpumem_cold_restores);
	unsigned int i;

	seq_printf(m, "cold_pages %lld\n",
		   (s64)atomic64_read(&gpumem_counters.cold_pages));
	seq_printf(m, "evicted %lld\n",
		   (s64)atomic64_read(&gpumem_counters.evicted));
	seq_printf(m, "evicted_same %lld\n", (s64)atomic64_read(&gpumem_cold_same));
	seq_printf(m, "restored %lld\n",
		   (s64)atomic64_read(&gpumem_counters.restored));
	seq_printf(m, "in_use %lld\n", (s64)atomic64_read(&gpumem_cold_in_use));
	seq_printf(m, "incompressible %lld\n",
		   (s64)atomic64_read(&gpumem_cold_incompressible));
	seq_printf(m, "no_memory %lld\n",
		   (s64)atomic64_read(&gpumem_cold_no_memory));
	seq_printf(m, "restores %lld\n", restores);
	seq_printf(m, "restore_sum_ns %lld\n",
		   (s64)atomic64_read(&gpumem_cold_restore_ns));
	seq_printf(m, "restore_max_ns %lld\n",
		   (s64)atomic64_read(&gpumem_cold_restore_max_ns));
	for (i = 0; i < GPUMEM_COLD_TIMES; i++) {
		s64 count = atomic64_read(&gpumem_cold_times[i]);

		if (count)
			seq_printf(m, "restore_below_us %u %lld\n", 1U << i, count);
	}
}
