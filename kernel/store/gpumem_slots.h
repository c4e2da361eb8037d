/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the pool of slots: classes of slots, the pages that hold them, and the
 * two ways in which such a page is made movable.
 */
#ifndef _GPUMEM_SLOTS_H_
#define _GPUMEM_SLOTS_H_

#include <linux/atomic.h>
#include <linux/gfp_types.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct page;

/* In the order of the parameter's words; see gpumem_store.c. */
enum gpumem_slot_pages_choice {
#ifdef GPUMEM_HAS_MOPS
	GPUMEM_SLOT_PAGES_MOPS,
#endif
	GPUMEM_SLOT_PAGES_LRU,
};

/* So many slots fit in a word, one bit each. */
#define GPUMEM_SLOTS_MAX	64

/**
 * struct gpumem_slot_page - a page of the store
 *
 * Outside of the page itself, so that the page has room for slots only.
 */
struct gpumem_slot_page {
	/** @page: where the slots are; under the class's lock. */
	struct page *page;
	/**
	 * @link: in the class's list of those with as many slots taken; under
	 * the class's lock. In no list while it moves or goes: then no slot of
	 * it is taken, and whoever took it out of the list puts it back or
	 * frees it.
	 */
	struct list_head link;
	/** @taken: slots that have a fragment; under the class's lock. */
	u64 taken;
	/**
	 * @bad: the hardware has given up on the page, so nothing more goes into
	 * it; under the class's lock, changed while it is in no list.
	 */
	bool bad;
	/** @class: the class; constant. */
	struct gpumem_slot_class *class;
	/** @index: in the inode of store pages (lru); constant. */
	u32 index;
};

/**
 * struct gpumem_slot_class - slots of one size
 */
struct gpumem_slot_class {
	/** @lock: protects all pages of the class, and what their slots hold. */
	spinlock_t lock;
	/** @size: bytes of a slot, its header included; constant. */
	u16 size;
	/** @slots: slots in a page; constant. */
	u16 slots;
	/** @listed: bit n: @by_taken[n] is not empty and has room; never bit 0. */
	u64 listed;
	/** @room: free slots of all pages in lists that have some taken. */
	unsigned long room;
	/** @pages: pages, those in no list included. */
	unsigned long pages;
	/** @taken: slots that are taken, in all pages. */
	unsigned long taken;
	/**
	 * @by_taken: pages by the number of slots that are taken. The first list is
	 * the reaper's; a bad page counts as full.
	 */
	struct list_head by_taken[GPUMEM_SLOTS_MAX + 1];
};

/**
 * struct gpumem_slot_pages - how store pages are made movable
 *
 * The kernel's requests come in with the page locked and end in
 * gpumem_slots_begin_move() and what follows it.
 */
struct gpumem_slot_pages {
	/** @load: prepare. Returns: 0 or a negative errno. Optional. */
	int (*load)(void);

	/** @unload: undo @load; no page is left. Optional. */
	void (*unload)(void);

	/**
	 * @alloc: get @sp a page. From then on the kernel may ask for it.
	 *
	 * Returns: 0 or -ENOMEM.
	 */
	int (*alloc)(struct gpumem_slot_page *sp, gfp_t gfp);

	/**
	 * @free: give back the page of @sp, which is in no list and has no slot
	 * taken. Nobody uses @sp afterwards.
	 *
	 * Returns: true, or false without @wait if somebody has the page locked.
	 */
	bool (*free)(struct gpumem_slot_page *sp, bool wait);
};

extern const struct gpumem_slot_pages gpumem_slot_pages_mops;
extern const struct gpumem_slot_pages gpumem_slot_pages_lru;

/** enum gpumem_slot_move - what is to be done with a page that was asked for */
enum gpumem_slot_move {
	/** @GPUMEM_SLOT_MOVE_LATER: nothing now; -EAGAIN. */
	GPUMEM_SLOT_MOVE_LATER,
	/** @GPUMEM_SLOT_MOVE_PAGE: copy it; then gpumem_slots_end_move(). */
	GPUMEM_SLOT_MOVE_PAGE,
	/**
	 * @GPUMEM_SLOT_MOVE_EMPTIED: nothing is in it any more. Let go of it, then
	 * gpumem_slots_gone().
	 */
	GPUMEM_SLOT_MOVE_EMPTIED,
};

/* gpumem_slots_pages.c */
bool gpumem_slots_is_listed(struct gpumem_slot_page *sp);
void gpumem_slots_list(struct gpumem_slot_page *sp);
void gpumem_slots_unlist(struct gpumem_slot_page *sp);
bool gpumem_slots_is_bad(struct gpumem_slot_page *sp);
void gpumem_slots_gone(struct gpumem_slot_page *sp);
bool gpumem_slots_release(struct gpumem_slot_page *sp);
struct gpumem_slot_class *gpumem_slots_class(unsigned int index);
void gpumem_slots_wake_reaper(void);

/* gpumem_slots_move.c */
enum gpumem_slot_move gpumem_slots_begin_move(struct gpumem_slot_page *sp,
					      struct page *offer);
void gpumem_slots_end_move(struct gpumem_slot_page *sp, struct page *dst);
void gpumem_slots_callback_begin(void);
void gpumem_slots_callback_end(void);
void gpumem_slots_callbacks_wait(void);
unsigned long gpumem_slots_pack(unsigned long budget);
unsigned long gpumem_slots_sparse(void);

#endif /* _GPUMEM_SLOTS_H_ */
