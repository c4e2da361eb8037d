// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a store page: what is done when the kernel asks for one, by policy, and
 * packing, which nobody asks for. The states of a page and the locks stand at the
 * top of gpumem_slots_pages.c.
 *
 *   whole     the page is copied to the one that the kernel offers, and stays the
 *             same page to the store.
 *   nominate  its fragments go into the fullest pages of its class that have room and
 *             are out of compaction's way, and the page that the kernel offers goes
 *             back unused. As whole if there is no such page, or if the others have
 *             no room for all of them.
 *   hybrid    as whole; the first request after a while also wakes the packer,
 *             which empties the sparsest pages in the manner of nominate.
 */
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "gpumem_pool.h"
#include "gpumem_slots.h"
#include "gpumem_slots_inside.h"

static atomic_t gpumem_slot_callbacks;
static DECLARE_WAIT_QUEUE_HEAD(gpumem_slot_callbacks_done);

/**
 * gpumem_slots_callback_begin - the kernel calls
 *
 * A page that is emptied leaves nothing behind that unloading could wait for, so
 * it waits for this.
 */
void gpumem_slots_callback_begin(void)
{
	atomic_inc(&gpumem_slot_callbacks);
}

/**
 * gpumem_slots_callback_end - the last thing that a callback does
 */
void gpumem_slots_callback_end(void)
{
	if (atomic_dec_and_test(&gpumem_slot_callbacks))
		wake_up_all(&gpumem_slot_callbacks_done);
}

/**
 * gpumem_slots_callbacks_wait - until no callback is under way
 */
void gpumem_slots_callbacks_wait(void)
{
	wait_event(gpumem_slot_callbacks_done,
		   !atomic_read(&gpumem_slot_callbacks));
}

/* Looking for a fragment's new page. */
struct gpumem_slot_search {
	/* It is not to lie below, nor on another node, if that can be had. */
	unsigned long floor;
	int node;
	/* Pages that were looked at. */
	unsigned int steps;
};

/* A search has ended, with or without a page. */
static void gpumem_slots_count_search(struct gpumem_slot_search *search)
{
	unsigned int steps = min(search->steps, GPUMEM_STEPS_MAX + 1U);

	atomic_long_inc(&gpumem_store_counters.steps[steps]);
	search->steps = 0;
}

/*
 * Of the first page of each of the few fullest lists, one on the node that does not lie
 * below the floor. Compaction takes pages from below and offers free ones from above: what goes
 * to a page in between would soon have to move again. The last step is left to
 * gpumem_slots_settle().
 */
static struct gpumem_slot_page *gpumem_slots_nominate(struct gpumem_slot_class *class,
						      struct gpumem_slot_search *search)
{
	struct gpumem_slot_page *sp;
	u64 listed = class->listed;

	lockdep_assert_held(&class->lock);

	while (listed && search->steps < GPUMEM_STEPS_MAX - 1) {
		unsigned int taken = fls64(listed) - 1;

		sp = list_first_entry(&class->by_taken[taken],
				      struct gpumem_slot_page, link);
		search->steps++;
		listed &= ~BIT_ULL(taken);
		if (page_to_pfn(sp->page) >= search->floor &&
		    page_to_nid(sp->page) == search->node &&
		    !gpumem_slots_is_bad(sp))
			return sp;
	}
	return NULL;
}

/* The fullest page, wherever it lies. */
static struct gpumem_slot_page *gpumem_slots_settle(struct gpumem_slot_class *class,
						    struct gpumem_slot_search *search)
{
	search->steps++;
	return gpumem_slots_fullest(class);
}

/*
 * Move all fragments of a page that is in no list to others. The caller has seen that
 * they have room, but some may be bad, or this one: then a few fragments stay. @dst is what
 * @search has found for the first of them, or NULL.
 */
static void gpumem_slots_empty(struct gpumem_slot_page *src,
			       struct gpumem_slot_page *dst,
			       struct gpumem_slot_search *search)
{
	struct gpumem_slot_class *class = src->class;
	unsigned long moved = 0;
	bool copied = true;

	lockdep_assert_held(&class->lock);

	while (src->taken && copied) {
		dst = dst ?: gpumem_slots_nominate(class, search) ?:
		      gpumem_slots_settle(class, search);
		gpumem_slots_count_search(search);
		if (!dst)
			break;
		gpumem_slots_unlist(dst);
		copied = gpumem_slots_copy(dst, src, __ffs64(src->taken));
		gpumem_slots_list(dst);
		moved += copied;
		dst = NULL;
	}
	atomic_long_add(moved, &gpumem_store_counters.objects);
	atomic_long_add(moved * class->size, &gpumem_store_counters.bytes);
}

/* Empty a page for compaction, which offers another, if there is a use in it. */
static void gpumem_slots_nominate_all(struct gpumem_slot_page *sp,
				      struct page *offer)
{
	struct gpumem_slot_search search = {
		.floor = page_to_pfn(offer),
		.node = page_to_nid(offer),
	};
	struct gpumem_slot_class *class = sp->class;
	struct gpumem_slot_page *first;

	if (class->room < hweight64(sp->taken)) {
		atomic_long_inc(&gpumem_store_counters.no_room);
		return;
	}
	/* With none up there, this one becomes the first. */
	first = gpumem_slots_nominate(class, &search);
	if (!first) {
		gpumem_slots_count_search(&search);
		atomic_long_inc(&gpumem_store_counters.none_above);
		return;
	}
	gpumem_slots_empty(sp, first, &search);
	if (!sp->taken)
		atomic_long_inc(&gpumem_store_counters.emptied);
}

/**
 * gpumem_slots_begin_move - the kernel wants a page
 * @sp: the page, locked
 * @offer: the page that it offers
 *
 * Returns: what to do with it.
 */
enum gpumem_slot_move gpumem_slots_begin_move(struct gpumem_slot_page *sp,
					      struct page *offer)
{
	enum gpumem_slot_move move = GPUMEM_SLOT_MOVE_PAGE;
	struct gpumem_slot_class *class = sp->class;

	gpumem_store_request();

	spin_lock(&class->lock);
	if (!gpumem_slots_is_listed(sp) || gpumem_slots_is_bad(sp)) {
		spin_unlock(&class->lock);
		atomic_long_inc(&gpumem_store_counters.refused);
		return GPUMEM_SLOT_MOVE_LATER;
	}
	gpumem_slots_unlist(sp);
	/* Else it waits for the reaper, and the kernel may as well have it now. */
	if (sp->taken && READ_ONCE(gpumem_policy) == GPUMEM_NOMINATE)
		gpumem_slots_nominate_all(sp, offer);
	if (!sp->taken)
		move = GPUMEM_SLOT_MOVE_EMPTIED;
	spin_unlock(&class->lock);
	return move;
}

/**
 * gpumem_slots_end_move - after GPUMEM_SLOT_MOVE_PAGE
 * @sp: the page
 * @dst: the copy, or NULL if there is none
 */
void gpumem_slots_end_move(struct gpumem_slot_page *sp, struct page *dst)
{
	struct gpumem_slot_class *class = sp->class;
	bool empty;

	spin_lock(&class->lock);
	if (dst)
		sp->page = dst;
	empty = !sp->taken;
	gpumem_slots_list(sp);
	spin_unlock(&class->lock);

	if (dst) {
		atomic_long_inc(&gpumem_store_counters.whole);
		atomic_long_add(PAGE_SIZE, &gpumem_store_counters.bytes);
	} else {
		atomic_long_inc(&gpumem_store_counters.refused);
	}
	if (empty)
		gpumem_slots_wake_reaper();
}

/* The emptiest page, if the others can take what is in it. */
static struct gpumem_slot_page *gpumem_slots_sparsest(struct gpumem_slot_class *class)
{
	u64 listed = class->listed;
	struct gpumem_slot_page *sp;
	unsigned int taken;

	lockdep_assert_held(&class->lock);

	if (!listed)
		return NULL;
	taken = __ffs64(listed);
	if (class->room - (class->slots - taken) < taken)
		return NULL;
	sp = list_first_entry(&class->by_taken[taken], struct gpumem_slot_page,
			      link);
	return gpumem_slots_is_bad(sp) ? NULL : sp;
}

/* Returns false if there is no use in another. */
static bool gpumem_slots_pack_page(struct gpumem_slot_class *class)
{
	struct gpumem_slot_search search = {};
	struct gpumem_slot_page *sp;
	bool empty = false;

	spin_lock(&class->lock);
	sp = gpumem_slots_sparsest(class);
	if (sp) {
		gpumem_slots_unlist(sp);
		search.node = page_to_nid(sp->page);
		gpumem_slots_empty(sp, NULL, &search);
		empty = !sp->taken;
		if (!empty)
			gpumem_slots_list(sp);
	}
	spin_unlock(&class->lock);

	if (!empty || !gpumem_slots_release(sp))
		return false;
	atomic_long_inc(&gpumem_store_counters.packed);
	return true;
}

/**
 * gpumem_slots_pack - &gpumem_pool.pack
 * @budget: pages at most
 *
 * Returns: pages that went.
 */
unsigned long gpumem_slots_pack(unsigned long budget)
{
	unsigned long packed = 0;
	unsigned int i;

	for (i = 0; i < GPUMEM_SLOT_CLASSES; i++) {
		while (packed < budget &&
		       gpumem_slots_pack_page(gpumem_slots_class(i))) {
			packed++;
			cond_resched();
		}
	}
	return packed;
}

/**
 * gpumem_slots_sparse - &gpumem_pool.sparse
 *
 * Returns: pages that are free in sum, class by class.
 */
unsigned long gpumem_slots_sparse(void)
{
	unsigned long sparse = 0;
	unsigned int i;

	for (i = 0; i < GPUMEM_SLOT_CLASSES; i++) {
		struct gpumem_slot_class *class = gpumem_slots_class(i);

		sparse += READ_ONCE(class->room) / class->slots;
	}
	return sparse;
}
