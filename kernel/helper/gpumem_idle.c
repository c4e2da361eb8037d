// SPDX-License-Identifier: GPL-2.0
/*
 * Idle buffers: the shrinker that has their pages compressed under memory pressure,
 * sparse pages of the store packed, and what our compaction holds given back.
 *
 * Buffers only with the parameter store_idle. A touch through a mapping that has its PTEs
 * leaves no trace, so the shrinker looks twice: it takes an object's mappings away
 * and comes back. Whoever was touched in the meantime, which is a fault now, is
 * spared; whoever was not for store_idle milliseconds is compressed. How often the
 * shrinker comes makes no difference. (mlock() has no effect on these mappings, so
 * there is none of it to respect: they are VM_DONTEXPAND.)
 *
 * The shrinker keeps an object alive by @idle_scanned instead of a reference, as
 * gpumem_purge.c does and for the same reason.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "../compat/gpumem_compat_shrinker.h"
#include "../store/gpumem_store.h"
#include "gpumem_cold.h"
#include "gpumem_compact.h"
#include "gpumem_internal.h"

static unsigned int gpumem_store_idle;
module_param_named(store_idle, gpumem_store_idle, uint, 0644);
MODULE_PARM_DESC(store_idle,
		 "Under memory pressure compress buffers not used for so many milliseconds (default: 0, never)");

static LIST_HEAD(gpumem_idle_list);
static unsigned long gpumem_idle_objects;
/* A leaf. Protects the list and its length, and @idle_scanned of every object. */
static DEFINE_SPINLOCK(gpumem_idle_lock);
static DECLARE_WAIT_QUEUE_HEAD(gpumem_idle_scan_done);
static struct shrinker *gpumem_idle_shrinker;

/**
 * gpumem_idle_add - an object was made
 * @bo: the object
 */
void gpumem_idle_add(struct gpumem_object *bo)
{
	if (!bo->backing->evict_begin)
		return;
	spin_lock(&gpumem_idle_lock);
	list_add_tail(&bo->idle_link, &gpumem_idle_list);
	gpumem_idle_objects++;
	spin_unlock(&gpumem_idle_lock);
}

/**
 * gpumem_idle_forget - an object is about to be freed
 * @bo: the object, without references
 *
 * Waits for the shrinker if it is at work on the object.
 */
void gpumem_idle_forget(struct gpumem_object *bo)
{
	spin_lock(&gpumem_idle_lock);
	wait_event_cmd(gpumem_idle_scan_done, !bo->idle_scanned,
		       spin_unlock(&gpumem_idle_lock),
		       spin_lock(&gpumem_idle_lock));
	if (!list_empty(&bo->idle_link)) {
		list_del_init(&bo->idle_link);
		gpumem_idle_objects--;
	}
	spin_unlock(&gpumem_idle_lock);
}

/* Take the mappings away, so that the next touch is seen. */
static void gpumem_idle_look(struct gpumem_object *bo)
{
	if (!mutex_trylock(&bo->lock))
		return;
	if (gpumem_cold_is_allowed(bo) && bo->resident) {
		WRITE_ONCE(bo->looked, jiffies);
		bo->looking = true;
		bo->backing->age(bo);
	}
	mutex_unlock(&bo->lock);
}

static unsigned long gpumem_idle_object(struct gpumem_object *bo,
					unsigned long idle, unsigned long *budget)
{
	unsigned long touched = READ_ONCE(bo->touched);
	unsigned long want = *budget;
	unsigned long now = jiffies;

	*budget = 0;
	if (!gpumem_cold_is_allowed(bo) || !READ_ONCE(bo->resident) ||
	    time_before(now, touched + idle))
		return 0;
	if (!bo->looking || time_after_eq(touched, bo->looked)) {
		gpumem_idle_look(bo);
		return 0;
	}
	if (time_before(now, bo->looked + idle))
		return 0;
	*budget = want;
	return gpumem_cold_evict_some(bo, budget);
}

static unsigned long gpumem_idle_count(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	unsigned long count = gpumem_store_sparse() + gpumem_compact_held();

	if (READ_ONCE(gpumem_store_idle))
		count += max(atomic64_read(&gpumem_counters.resident_pages), 0LL);
	return count ?: SHRINK_EMPTY;
}

static unsigned long gpumem_idle_scan(struct shrinker *shrinker,
				      struct shrink_control *sc)
{
	unsigned long idle = msecs_to_jiffies(READ_ONCE(gpumem_store_idle));
	unsigned long freed, scanned, visited = 0;
	struct gpumem_object *bo;

	freed = gpumem_compact_give_back();
	if (freed < sc->nr_to_scan)
		freed += gpumem_store_pack(sc->nr_to_scan - freed);
	scanned = freed;
	if (!idle)
		goto out;

	spin_lock(&gpumem_idle_lock);
	while (scanned < sc->nr_to_scan && visited++ < gpumem_idle_objects) {
		unsigned long tried = sc->nr_to_scan - scanned;

		bo = list_first_entry(&gpumem_idle_list, struct gpumem_object,
				      idle_link);
		list_move_tail(&bo->idle_link, &gpumem_idle_list);
		/* Two at once would undo each other's second look. */
		if (bo->idle_scanned)
			continue;
		bo->idle_scanned = true;
		spin_unlock(&gpumem_idle_lock);

		freed += gpumem_idle_object(bo, idle, &tried);
		scanned += max(tried, 1UL);

		spin_lock(&gpumem_idle_lock);
		bo->idle_scanned = false;
		wake_up_all(&gpumem_idle_scan_done);
		cond_resched_lock(&gpumem_idle_lock);
	}
	spin_unlock(&gpumem_idle_lock);
out:
	sc->nr_scanned = max(scanned, 1UL);
	return freed ?: SHRINK_STOP;
}

/**
 * gpumem_idle_init - start the shrinker
 *
 * Returns: 0 or -ENOMEM.
 */
int gpumem_idle_init(void)
{
	gpumem_idle_shrinker = gpumem_shrinker_register(gpumem_idle_count,
							gpumem_idle_scan,
							"gpumem-idle");
	return gpumem_idle_shrinker ? 0 : -ENOMEM;
}

/**
 * gpumem_idle_fini - stop the shrinker; no object is left
 */
void gpumem_idle_fini(void)
{
	gpumem_shrinker_unregister(gpumem_idle_shrinker);
}
