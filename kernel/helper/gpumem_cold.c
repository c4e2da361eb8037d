// SPDX-License-Identifier: GPL-2.0
/*
 * Cold buffers: which pages of an object are in the compressed store instead of
 * in memory, and how they come back. How they get there: gpumem_cold_evict.c.
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
 * A page that cannot be brought back because its bytes are not those that were
 * stored is an error to whoever touches it, for as long as its object is needed.
 * Advised DONTNEED, an object with such a page is purged at once.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/seq_file.h>

#include "../store/gpumem_store.h"
#include "gpumem_cold.h"
#include "gpumem_cold_inside.h"
#include "gpumem_internal.h"
#include "gpumem_trace.h"

/* Restore times by powers of two, in microseconds. */
#define GPUMEM_COLD_TIMES	20

static atomic64_t gpumem_cold_restore_ns;
static atomic64_t gpumem_cold_restore_max_ns;
static atomic64_t gpumem_cold_restores;
static atomic64_t gpumem_cold_times[GPUMEM_COLD_TIMES];
struct gpumem_cold_counters gpumem_cold_counters;

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

/**
 * gpumem_cold_account - pages went into the store, or came out
 * @bo: the object, locked
 * @pages: how many more it has there
 * @bytes: and in bytes
 */
void gpumem_cold_account(struct gpumem_object *bo, long pages, long bytes)
{
	lockdep_assert_held(&bo->lock);

	WRITE_ONCE(bo->cold_pages, bo->cold_pages + pages);
	WRITE_ONCE(bo->cold_bytes, bo->cold_bytes + bytes);
	atomic64_add(pages, &gpumem_counters.cold_pages);
	gpumem_purge_update(bo);
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
 * gpumem_cold_has - is a page in the store?
 * @bo: the object, locked
 * @index: its slot
 *
 * Returns: true if it has been given up and not been brought back.
 */
bool gpumem_cold_has(struct gpumem_object *bo, pgoff_t index)
{
	lockdep_assert_held(&bo->lock);

	return bo->cold_pages && xa_load(&bo->cold, index) &&
	       !gpumem_cold_stays(bo, index);
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
 * @start: since when somebody waits for them
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
		cond_resched();
		if (gpumem_cold_stays(bo, index))
			continue;
		xa_erase(&bo->cold, index);
		pages++;
		bytes += gpumem_cold_entry_bytes(entry);
		gpumem_cold_free_entry(entry);
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
	seq_printf(m, "evicted_same %lld\n",
		   (s64)atomic64_read(&gpumem_cold_counters.same));
	seq_printf(m, "restored %lld\n",
		   (s64)atomic64_read(&gpumem_counters.restored));
	seq_printf(m, "in_use %lld\n",
		   (s64)atomic64_read(&gpumem_cold_counters.in_use));
	seq_printf(m, "incompressible %lld\n",
		   (s64)atomic64_read(&gpumem_cold_counters.incompressible));
	seq_printf(m, "no_memory %lld\n",
		   (s64)atomic64_read(&gpumem_cold_counters.no_memory));
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
