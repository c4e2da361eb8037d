/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the store and whatever keeps its bytes. Two pools: our own, of slots
 * (gpumem_slots.c), and the kernel's zsmalloc, to compare with.
 */
#ifndef _GPUMEM_POOL_H_
#define _GPUMEM_POOL_H_

#include <linux/atomic.h>
#include <linux/gfp_types.h>
#include <linux/types.h>

struct gpumem_slot_page;
struct seq_file;

/* What a piece may have at most; a page that needs more stays as it is. */
#define GPUMEM_PIECE_MAX	3392U

/* Fragments that a piece may be in. */
#define GPUMEM_PIECE_PARTS	2

/**
 * struct gpumem_piece - a handle: where the bytes of one page are now
 *
 * The bytes may move while the handle stays.
 */
struct gpumem_piece {
	union {
		/** @page: store pages of the fragments; under the class's lock. */
		struct gpumem_slot_page *page[GPUMEM_PIECE_PARTS];
		/** @zsmalloc: handle of zsmalloc. */
		unsigned long zsmalloc;
	};
	/** @checksum: of the bytes; constant. */
	u32 checksum;
	/** @length: number of bytes; constant. */
	u16 length;
	/** @slot: slots of the fragments in @page; under the class's lock. */
	u8 slot[GPUMEM_PIECE_PARTS];
};

/**
 * struct gpumem_pool - who keeps the bytes
 */
struct gpumem_pool {
	/** @name: for the parameter `store`. */
	const char *name;

	/** @load: prepare. Returns: 0 or a negative errno. */
	int (*load)(void);

	/** @unload: undo @load; nothing is kept any more. */
	void (*unload)(void);

	/**
	 * @put: keep @piece->length bytes. Returns: 0 or -ENOMEM.
	 */
	int (*put)(struct gpumem_piece *piece, const void *data, gfp_t gfp);

	/**
	 * @get: copy the bytes out. Does not allocate. Returns: 0, or -EIO if the
	 * hardware has given up on where they are.
	 */
	int (*get)(const struct gpumem_piece *piece, void *data);

	/** @drop: forget the bytes. Does not sleep on a page's lock. */
	void (*drop)(struct gpumem_piece *piece);

	/** @corrupt: change one of the bytes; for tests. */
	void (*corrupt)(struct gpumem_piece *piece);

	/** @sparse: pages that packing could free, more or less. */
	unsigned long (*sparse)(void);

	/** @pack: free at most so many pages. Returns: how many it freed. */
	unsigned long (*pack)(unsigned long budget);

	/**
	 * @has_poison: is one of so many page frames from a first one a page that
	 * the hardware has given up on and that is held? Optional.
	 */
	bool (*has_poison)(unsigned long first, unsigned long count);

	/** @pages: pages held. */
	unsigned long (*pages)(void);

	/** @show: more for debugfs. Optional. */
	void (*show)(struct seq_file *m);
};

extern const struct gpumem_pool gpumem_slots_pool;
extern const struct gpumem_pool gpumem_zsmalloc_pool;

/** enum gpumem_policy - how a store page moves */
enum gpumem_policy {
	/** @GPUMEM_WHOLE: as a whole, to the page that compaction offers. */
	GPUMEM_WHOLE,
	/** @GPUMEM_NOMINATE: its objects go to partly used pages. */
	GPUMEM_NOMINATE,
	/** @GPUMEM_HYBRID: the store packs itself, then as a whole. */
	GPUMEM_HYBRID,
};

/* gpumem_store.c */
extern unsigned int gpumem_policy;
extern unsigned int gpumem_slot_pages_choice;
void gpumem_store_request(void);

/* Searches that took so many steps; the last counts all that took more. */
#define GPUMEM_STEPS_MAX	4

/**
 * struct gpumem_store_counters - what moving cost
 */
struct gpumem_store_counters {
	/** @requests: times that the kernel asked for a page. */
	atomic_long_t requests;
	/** @whole: pages that moved as a whole. */
	atomic_long_t whole;
	/** @emptied: pages that were emptied into others and given up. */
	atomic_long_t emptied;
	/** @packed: pages that were emptied without being asked for. */
	atomic_long_t packed;
	/** @refused: requests that came at a bad moment. */
	atomic_long_t refused;
	/** @no_room: requests for which the others had no room. */
	atomic_long_t no_room;
	/** @none_above: requests for which none of those looked at lay well. */
	atomic_long_t none_above;
	/** @objects: fragments that moved from page to page. */
	atomic_long_t objects;
	/** @bytes: copied, by all kinds of moves. */
	atomic_long_t bytes;
	/** @steps: searches for a fragment's new page, by pages looked at. */
	atomic_long_t steps[GPUMEM_STEPS_MAX + 2];
};

extern struct gpumem_store_counters gpumem_store_counters;

#endif /* _GPUMEM_POOL_H_ */
