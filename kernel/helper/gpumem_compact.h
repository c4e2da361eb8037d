/* SPDX-License-Identifier: GPL-2.0 */
/* Our own compaction, between the files of the helper. */
#ifndef _GPUMEM_COMPACT_H_
#define _GPUMEM_COMPACT_H_

#include <linux/nodemask.h>
#include <linux/types.h>

struct drm_device;
struct gpumem_blocks;
struct gpumem_compaction;
struct gpumem_object;
struct page;

/**
 * struct gpumem_compactor - what a compaction knows from one call to the next
 */
struct gpumem_compactor {
	/** @dev: whose objects are compacted; only compared. NULL: everybody's. */
	struct drm_device *dev;
	/** @object: id of the object at which the walk was last. */
	u64 object;
	/** @index: the slot there. */
	pgoff_t index;
	/** @walked: the walk of this pass is over. */
	bool walked;
	/** @wrapped: and it came to the last object. */
	bool wrapped;
	/** @moved: a page has moved since the walk began at the first object. */
	bool moved;
	/** @missed: since then, what stayed might have moved at another time. */
	bool missed;
	/** @idle: times in a row that a walk came to the end with only @missed. */
	unsigned int idle;
	/** @full: nodes without a good place, in this pass. */
	nodemask_t full;

	/** @blocks: the blocks that the walk met. */
	struct gpumem_blocks *blocks;
	/** @pages: of the block that is left, with references. */
	struct page **pages;
	/** @held: pages that are held back. */
	struct page **held;
	/** @held_count: how many. */
	unsigned int held_count;
	/** @held_max: at most. */
	unsigned int held_max;

	/** @call: budget and result of the call that is under way. */
	struct gpumem_compaction *call;
	/** @last: jiffies when the last call ended. */
	unsigned long last;
	/** @deadline: its end by ktime_get_ns(), or 0. */
	u64 deadline;
};

/* gpumem_compact.c */
void gpumem_compact_fini(void);
bool gpumem_compact_is_waited_for(void);
void gpumem_compact_avoid(unsigned long first, unsigned long count);
unsigned long gpumem_compact_held(void);
unsigned long gpumem_compact_give_back(void);
void gpumem_compact_last(struct gpumem_compaction *last);

/* gpumem_compact_walk.c */
bool gpumem_compact_is_over(struct gpumem_compactor *c);
bool gpumem_compact_get(struct gpumem_object *bo);
void gpumem_compact_put(struct gpumem_object *bo);
int gpumem_compact_put_begin(void);
void gpumem_compact_put_wait(void);
void gpumem_compact_put_end(void);
void gpumem_compact_walk(struct gpumem_compactor *c);
void gpumem_compact_walk_anew(struct gpumem_compactor *c);

#endif /* _GPUMEM_COMPACT_H_ */
