/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page blocks of physical memory: which have pages of ours, and how full each is.
 * Knows nothing of how a page moves.
 */
#ifndef _GPUMEM_BLOCKS_H_
#define _GPUMEM_BLOCKS_H_

#include <linux/nodemask.h>
#include <linux/types.h>

struct drm_device;
struct page;

/* So many blocks are known at a time, of all that have pages of ours. */
#define GPUMEM_BLOCKS_MAX	4096

/** enum gpumem_block_state - what a compaction means to do with a block */
enum gpumem_block_state {
	/** @GPUMEM_BLOCK_UNKNOWN: no block; an empty place in the table. */
	GPUMEM_BLOCK_UNKNOWN,
	/** @GPUMEM_BLOCK_FOUND: has pages of ours, which may leave it. */
	GPUMEM_BLOCK_FOUND,
	/** @GPUMEM_BLOCK_KEPT: something in it has to stay, or came to stay. */
	GPUMEM_BLOCK_KEPT,
	/** @GPUMEM_BLOCK_LEFT: our pages leave it or have left it. */
	GPUMEM_BLOCK_LEFT,
};

/**
 * struct gpumem_block - one page block
 */
struct gpumem_block {
	/** @number: first page frame, in blocks. */
	unsigned long number;
	/** @ours: pages of ours, as far as they were met. */
	unsigned int ours;
	/** @used: pages that are not free; -1 if nobody has looked. */
	int used;
	/** @node: where it lies. */
	s16 node;
	/** @state: &enum gpumem_block_state. */
	u8 state;
	/** @fresh: emptied since gpumem_blocks_count_free() was called last. */
	bool fresh;
};

struct gpumem_blocks;

struct gpumem_blocks *gpumem_blocks_create(void);
void gpumem_blocks_destroy(struct gpumem_blocks *blocks);
void gpumem_blocks_clear(struct gpumem_blocks *blocks);
void gpumem_blocks_forget_uses(struct gpumem_blocks *blocks);

bool gpumem_blocks_meet(struct gpumem_blocks *blocks, struct page *page);
struct gpumem_block *gpumem_blocks_emptiest(struct gpumem_blocks *blocks,
					    const nodemask_t *full);
bool gpumem_blocks_may_take(struct gpumem_blocks *blocks, struct page *page,
			    unsigned int used);
void gpumem_blocks_took(struct gpumem_blocks *blocks, struct page *page);
unsigned int gpumem_blocks_count_free(struct gpumem_blocks *blocks);

void gpumem_blocks_avoid(unsigned long first, unsigned long count);
void gpumem_page_set_held(struct page *page, bool held);
int gpumem_block_collect(const struct gpumem_block *block,
			 const struct drm_device *dev, struct page **pages);

#endif /* _GPUMEM_BLOCKS_H_ */
