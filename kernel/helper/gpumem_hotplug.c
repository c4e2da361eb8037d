// SPDX-License-Identifier: GPL-2.0
/*
 * Unplugging memory. The kernel moves our pages out of a block that goes offline
 * as it moves others; but while one of them stays, it tries again until a signal
 * comes. So a block that holds a page of an object that is pinned, or was made
 * unmovable, is refused at once. So is one with a page of ours that the hardware has
 * given up on, which stays in its slot: the kernel steps over such pages, and would
 * remove the memory. Whoever looks at page frames that are not ours is waited for
 * before memory goes, and leaves what is about to go alone.
 */
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/notifier.h>

#include "../store/gpumem_store.h"
#include "gpumem_compact.h"
#include "gpumem_hotplug.h"
#include "gpumem_internal.h"

static bool gpumem_stays(const struct gpumem_object *bo)
{
	return READ_ONCE(bo->pins) || (!bo->movable && !bo->import);
}

/* Is any page of the memory poisoned, whosever it is? */
static bool gpumem_is_poisoned(unsigned long first, unsigned long count)
{
	unsigned long pfn;
	struct page *page;

	for (pfn = first; pfn < first + count; pfn++) {
		page = pfn_to_online_page(pfn);
		if (page && PageHWPoison(page))
			return true;
		cond_resched();
	}
	return false;
}

static bool gpumem_keeps(const struct gpumem_object *bo, struct page *page)
{
	return gpumem_stays(bo) || PageHWPoison(page);
}

static bool gpumem_holds_pages(struct gpumem_object *bo, unsigned long first,
			       unsigned long count)
{
	pgoff_t i, n = gpumem_object_pages(bo);
	bool holds = false;
	struct page *page;

	if (!mutex_trylock(&bo->lock)) {
		/* Maybe a populate, which can take long with memory short. */
		if (!READ_ONCE(bo->pins))
			return true;
		mutex_lock(&bo->lock);
	}
	for (i = 0; i < n && !holds; i++) {
		page = bo->backing->lookup(bo, i);
		holds = page && page_to_pfn(page) - first < count &&
			gpumem_keeps(bo, page);
		cond_resched();
	}
	mutex_unlock(&bo->lock);
	return holds;
}

static int gpumem_memory_notify(struct notifier_block *block,
				unsigned long action, void *data)
{
	struct memory_notify *range = data;
	struct gpumem_object *bo;
	bool holds, poisoned;

	/* It may be removed next, and somebody may still look at its pages. */
	if (action == MEM_GOING_OFFLINE)
		gpumem_compact_avoid(range->start_pfn, range->nr_pages);
	if (action == MEM_OFFLINE || action == MEM_CANCEL_OFFLINE)
		gpumem_compact_avoid(0, 0);
	if (action != MEM_GOING_OFFLINE)
		return NOTIFY_OK;

	poisoned = gpumem_is_poisoned(range->start_pfn, range->nr_pages);
	holds = poisoned && gpumem_store_has_poison(range->start_pfn,
						    range->nr_pages);
	mutex_lock(&gpumem_manager.lock);
	list_for_each_entry(bo, &gpumem_manager.objects, link) {
		if (holds)
			break;
		if (!poisoned && !gpumem_stays(bo))
			continue;
		holds = gpumem_holds_pages(bo, range->start_pfn,
					   range->nr_pages);
	}
	mutex_unlock(&gpumem_manager.lock);
	return holds ? notifier_from_errno(-EBUSY) : NOTIFY_OK;
}

static struct notifier_block gpumem_memory_notifier = {
	.notifier_call = gpumem_memory_notify,
};

/**
 * gpumem_hotplug_init - listen to memory that goes offline
 *
 * Returns: 0 or a negative errno.
 */
int gpumem_hotplug_init(void)
{
	return register_memory_notifier(&gpumem_memory_notifier);
}

/**
 * gpumem_hotplug_fini - listen no more
 */
void gpumem_hotplug_fini(void)
{
	unregister_memory_notifier(&gpumem_memory_notifier);
}
