// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of the pool of slots: which have room, how one is got, and how an empty
 * one is given back.
 *
 * Pages of a class are in lists by the number of slots that are taken, and a word
 * says which lists are not empty: the fullest page that still has room is found in
 * constant time, and so is the emptiest. New fragments go into the fullest.
 *
 * States of a store page
 *
 *   listed    in a list of its class. Slots are taken and freed.
 *   moving    the kernel has asked for it and a callback works on it. In no list;
 *             slots are read and freed, none is taken.
 *   leaving   empty, in no list, and about to be given back. The kernel may ask
 *             for it, and is told to come again.
 *
 *   listed -> moving    a request (gpumem_slots_begin_move())
 *   moving -> listed    it moved as a whole, or could not
 *   moving -> gone      it was emptied
 *   listed -> leaving   its last slot was freed, or the packer emptied it
 *   leaving -> listed   it cannot be locked now; the reaper comes for it
 *   leaving -> gone
 *
 * Locks: gpumem_slot_class.lock is a leaf but for the page cache's own locks that
 * are taken after it was dropped; fragments are copied under it, and nothing is
 * allocated. A callback comes in with the page locked and takes it; nobody waits
 * for a page's lock with it, and only the reaper and unloading wait for one at all.
 */
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "gpumem_pool.h"
#include "gpumem_slots.h"
#include "gpumem_slots_inside.h"

/* How many slots a page is divided into, for each class. */
static const u8 gpumem_slot_counts[GPUMEM_SLOT_CLASSES] = {
	64, 42, 32, 25, 21, 18, 16, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
};

static struct gpumem_slot_class gpumem_slot_classes[GPUMEM_SLOT_CLASSES];
static const struct gpumem_slot_pages *gpumem_slot_pages;
static struct kmem_cache *gpumem_slot_page_cache;
static atomic_long_t gpumem_slot_page_count;
static DECLARE_WAIT_QUEUE_HEAD(gpumem_slot_pages_gone);

/**
 * gpumem_slots_class - a class by its number
 * @index: less than GPUMEM_SLOT_CLASSES
 *
 * Returns: the class.
 */
struct gpumem_slot_class *gpumem_slots_class(unsigned int index)
{
	return &gpumem_slot_classes[index];
}

static unsigned int gpumem_slot_taken(const struct gpumem_slot_page *sp)
{
	return hweight64(sp->taken);
}

/**
 * gpumem_slots_is_listed - is a page neither moving nor leaving?
 * @sp: the page, its class locked
 *
 * Returns: true if its slots may be taken.
 */
bool gpumem_slots_is_listed(struct gpumem_slot_page *sp)
{
	lockdep_assert_held(&sp->class->lock);

	return !list_empty(&sp->link);
}

/* The list for a page. */
static unsigned int gpumem_slots_rank(const struct gpumem_slot_page *sp)
{
	return sp->bad && sp->taken ? sp->class->slots : gpumem_slot_taken(sp);
}

/* Has a list of pages with so many slots taken room for more? */
static bool gpumem_slots_has_room(const struct gpumem_slot_class *class,
				  unsigned int taken)
{
	return taken && taken < class->slots;
}

/**
 * gpumem_slots_list - slots of a page may be taken
 * @sp: the page, in no list, its class locked
 */
void gpumem_slots_list(struct gpumem_slot_page *sp)
{
	struct gpumem_slot_class *class = sp->class;
	struct gpumem_slot_page *first;
	unsigned int taken;

	lockdep_assert_held(&class->lock);

	sp->bad = PageHWPoison(sp->page);
	taken = gpumem_slots_rank(sp);

	/*
	 * The first of a list is one that lies high, more or less. There it is out of
	 * compaction's way.
	 */
	first = list_first_entry_or_null(&class->by_taken[taken],
					 struct gpumem_slot_page, link);
	if (first && page_to_pfn(first->page) > page_to_pfn(sp->page))
		list_add_tail(&sp->link, &class->by_taken[taken]);
	else
		list_add(&sp->link, &class->by_taken[taken]);
	if (gpumem_slots_has_room(class, taken)) {
		class->listed |= BIT_ULL(taken);
		class->room += class->slots - taken;
	}
}

/**
 * gpumem_slots_unlist - slots of a page may not be taken any more
 * @sp: the page, in a list, its class locked
 */
void gpumem_slots_unlist(struct gpumem_slot_page *sp)
{
	struct gpumem_slot_class *class = sp->class;
	unsigned int taken = gpumem_slots_rank(sp);

	lockdep_assert_held(&class->lock);

	list_del_init(&sp->link);
	if (!gpumem_slots_has_room(class, taken))
		return;
	if (list_empty(&class->by_taken[taken]))
		class->listed &= ~BIT_ULL(taken);
	class->room -= class->slots - taken;
}

/**
 * gpumem_slots_is_bad - has the hardware given up on a page since it was listed?
 * @sp: the page, in a list, its class locked
 *
 * Then it is in another list afterwards, as one without room.
 *
 * Returns: true if nothing may be put into it or taken out of it.
 */
bool gpumem_slots_is_bad(struct gpumem_slot_page *sp)
{
	if (likely(!PageHWPoison(sp->page)))
		return false;
	if (!sp->bad) {
		gpumem_slots_unlist(sp);
		gpumem_slots_list(sp);
	}
	return true;
}

/**
 * gpumem_slots_fullest - the page that a new fragment goes to
 * @class: the class, locked
 *
 * Returns: the fullest page that has room, or NULL if none has.
 */
struct gpumem_slot_page *gpumem_slots_fullest(struct gpumem_slot_class *class)
{
	struct gpumem_slot_page *sp;

	lockdep_assert_held(&class->lock);

	do {
		if (!class->listed)
			return NULL;
		sp = list_first_entry(&class->by_taken[fls64(class->listed) - 1],
				      struct gpumem_slot_page, link);
	} while (gpumem_slots_is_bad(sp));
	return sp;
}

/**
 * gpumem_slots_gone - the page of a descriptor was let go of
 * @sp: the descriptor, in no list; freed
 *
 * The page is still locked, or no callback can find @sp any more.
 */
void gpumem_slots_gone(struct gpumem_slot_page *sp)
{
	struct gpumem_slot_class *class = sp->class;

	spin_lock(&class->lock);
	class->pages--;
	spin_unlock(&class->lock);
	kmem_cache_free(gpumem_slot_page_cache, sp);
	if (atomic_long_dec_and_test(&gpumem_slot_page_count))
		wake_up_all(&gpumem_slot_pages_gone);
}

/**
 * gpumem_slots_release - give back an empty page
 * @sp: the page, in no list, without a slot taken, its class not locked
 *
 * If somebody has it locked it is listed and the reaper comes for it.
 *
 * Returns: true if it is gone.
 */
bool gpumem_slots_release(struct gpumem_slot_page *sp)
{
	if (gpumem_slot_pages->free(sp, false)) {
		gpumem_slots_gone(sp);
		return true;
	}
	spin_lock(&sp->class->lock);
	gpumem_slots_list(sp);
	spin_unlock(&sp->class->lock);
	gpumem_slots_wake_reaper();
	return false;
}

static void gpumem_slots_reap_class(struct gpumem_slot_class *class)
{
	struct gpumem_slot_page *sp;

	for (;;) {
		spin_lock(&class->lock);
		sp = list_first_entry_or_null(&class->by_taken[0],
					      struct gpumem_slot_page, link);
		if (sp)
			gpumem_slots_unlist(sp);
		spin_unlock(&class->lock);
		if (!sp)
			return;
		gpumem_slot_pages->free(sp, true);
		gpumem_slots_gone(sp);
		cond_resched();
	}
}

static void gpumem_slots_reap(struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < GPUMEM_SLOT_CLASSES; i++)
		gpumem_slots_reap_class(&gpumem_slot_classes[i]);
}

static DECLARE_WORK(gpumem_reaper, gpumem_slots_reap);

/**
 * gpumem_slots_wake_reaper - have empty pages given back that are locked now
 *
 * Does not sleep.
 */
void gpumem_slots_wake_reaper(void)
{
	schedule_work(&gpumem_reaper);
}

/**
 * gpumem_slots_alloc - a page more for a class
 * @class: the class, not locked
 * @gfp: how to get the memory
 *
 * Returns: an empty page in no list, or NULL without memory.
 */
struct gpumem_slot_page *gpumem_slots_alloc(struct gpumem_slot_class *class,
					    gfp_t gfp)
{
	struct gpumem_slot_page *sp;

	sp = kmem_cache_zalloc(gpumem_slot_page_cache, gfp);
	if (!sp)
		return NULL;
	INIT_LIST_HEAD(&sp->link);
	sp->class = class;
	atomic_long_inc(&gpumem_slot_page_count);
	if (gpumem_slot_pages->alloc(sp, gfp)) {
		kmem_cache_free(gpumem_slot_page_cache, sp);
		atomic_long_dec(&gpumem_slot_page_count);
		return NULL;
	}
	spin_lock(&class->lock);
	class->pages++;
	spin_unlock(&class->lock);
	return sp;
}

static bool gpumem_slot_class_has_poison(struct gpumem_slot_class *class,
					 unsigned long first, unsigned long count)
{
	struct gpumem_slot_page *sp;
	bool found = false;
	unsigned int i;

	/* Long, but only when memory with a bad page is about to go. */
	spin_lock(&class->lock);
	for (i = 0; i <= class->slots && !found; i++) {
		list_for_each_entry(sp, &class->by_taken[i], link) {
			found = page_to_pfn(sp->page) - first < count &&
				PageHWPoison(sp->page);
			if (found)
				break;
		}
	}
	spin_unlock(&class->lock);
	return found;
}

/**
 * gpumem_slots_have_poison - &gpumem_pool.has_poison
 * @first: first page frame
 * @count: number of them
 *
 * A bad page is in a list: no request for it is granted.
 *
 * Returns: true if a page of the pool is there that the hardware has given up on.
 */
bool gpumem_slots_have_poison(unsigned long first, unsigned long count)
{
	unsigned int i;

	for (i = 0; i < GPUMEM_SLOT_CLASSES; i++) {
		if (gpumem_slot_class_has_poison(&gpumem_slot_classes[i], first,
						 count))
			return true;
		cond_resched();
	}
	return false;
}

/**
 * gpumem_slots_pages - &gpumem_pool.pages
 *
 * Returns: pages that the pool has.
 */
unsigned long gpumem_slots_pages(void)
{
	return atomic_long_read(&gpumem_slot_page_count);
}

/**
 * gpumem_slots_pages_load - make empty classes, and prepare for pages
 *
 * Returns: 0 or a negative errno.
 */
int gpumem_slots_pages_load(void)
{
	unsigned int i, n;
	int ret = 0;

	for (i = 0; i < GPUMEM_SLOT_CLASSES; i++) {
		struct gpumem_slot_class *class = &gpumem_slot_classes[i];

		spin_lock_init(&class->lock);
		class->slots = gpumem_slot_counts[i];
		class->size = ALIGN_DOWN(PAGE_SIZE / class->slots,
					 GPUMEM_SLOT_HEADER);
		for (n = 0; n < ARRAY_SIZE(class->by_taken); n++)
			INIT_LIST_HEAD(&class->by_taken[n]);
	}

	gpumem_slot_pages = &gpumem_slot_pages_lru;
#ifdef GPUMEM_HAS_MOPS
	if (gpumem_slot_pages_choice == GPUMEM_SLOT_PAGES_MOPS)
		gpumem_slot_pages = &gpumem_slot_pages_mops;
#endif
	gpumem_slot_page_cache = KMEM_CACHE(gpumem_slot_page, 0);
	if (!gpumem_slot_page_cache)
		return -ENOMEM;
	if (gpumem_slot_pages->load)
		ret = gpumem_slot_pages->load();
	if (ret)
		kmem_cache_destroy(gpumem_slot_page_cache);
	return ret;
}

/**
 * gpumem_slots_pages_unload - wait until all pages are given back
 *
 * Nothing is kept any more.
 */
void gpumem_slots_pages_unload(void)
{
	/* One that a callback has is listed again, or goes. */
	while (!wait_event_timeout(gpumem_slot_pages_gone,
				   !atomic_long_read(&gpumem_slot_page_count),
				   1))
		gpumem_slots_reap(NULL);
	gpumem_slots_callbacks_wait();
	/* One that has just said that it is done may still have to return. */
	synchronize_rcu_tasks();
	cancel_work_sync(&gpumem_reaper);
	if (gpumem_slot_pages->unload)
		gpumem_slot_pages->unload();
	kmem_cache_destroy(gpumem_slot_page_cache);
}
