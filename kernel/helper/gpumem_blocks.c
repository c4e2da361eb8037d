// SPDX-License-Identifier: GPL-2.0
/*
 * A table of page blocks that have pages of ours, and what can be seen of a block
 * without anybody's help: how many of its pages are free, and whether all others
 * are ours and may leave.
 *
 * Whoever looks at page frames here keeps memory from being removed meanwhile; see
 * gpumem_compact.c. Nothing else is certain of a page without a reference on it,
 * so what is counted is a good guess, and what is done rests on references.
 */
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "gpumem_blocks.h"
#include "gpumem_internal.h"

/* A table that is fuller than this makes for long searches. */
#define GPUMEM_BLOCKS_FULL	(GPUMEM_BLOCKS_MAX / 4 * 3)

/* A block that is fuller costs more copies than what it gives is worth. */
#define GPUMEM_BLOCK_MAX_USED	(pageblock_nr_pages / 4 * 3)

/* What page_private() is of pages that are held: the address of this. */
static const char gpumem_held_mark;

/* Memory that is about to go; under the lock of compaction. */
static unsigned long gpumem_going_first, gpumem_going_count;

/* Open addressing; nothing is taken out but all at once. */
struct gpumem_blocks {
	struct gpumem_block table[GPUMEM_BLOCKS_MAX];
	unsigned int count;
};

/**
 * gpumem_blocks_create - an empty table
 *
 * Returns: the table, or NULL if there is no memory.
 */
struct gpumem_blocks *gpumem_blocks_create(void)
{
	return kvzalloc(sizeof(struct gpumem_blocks), GFP_KERNEL);
}

/**
 * gpumem_blocks_destroy - undo gpumem_blocks_create()
 * @blocks: the table, or NULL
 */
void gpumem_blocks_destroy(struct gpumem_blocks *blocks)
{
	kvfree(blocks);
}

/**
 * gpumem_blocks_clear - forget all blocks
 * @blocks: the table
 */
void gpumem_blocks_clear(struct gpumem_blocks *blocks)
{
	memset(blocks, 0, sizeof(*blocks));
}

/* The block of a page; a new one is KEPT. NULL if the table is full. */
static struct gpumem_block *gpumem_blocks_get(struct gpumem_blocks *blocks,
					      struct page *page)
{
	unsigned long number = page_to_pfn(page) >> pageblock_order;
	unsigned long at = hash_long(number, ilog2(GPUMEM_BLOCKS_MAX));
	struct gpumem_block *block;

	for (;; at++) {
		block = &blocks->table[at % GPUMEM_BLOCKS_MAX];
		if (block->state == GPUMEM_BLOCK_UNKNOWN)
			break;
		if (block->number == number)
			return block;
	}
	if (blocks->count >= GPUMEM_BLOCKS_FULL)
		return NULL;
	blocks->count++;
	block->number = number;
	block->used = -1;
	block->node = page_to_nid(page);
	block->state = GPUMEM_BLOCK_KEPT;
	return block;
}

/**
 * gpumem_blocks_meet - a page of ours was met that may move
 * @blocks: the table
 * @page: the page
 *
 * Returns: false if the table has no room for its block.
 */
bool gpumem_blocks_meet(struct gpumem_blocks *blocks, struct page *page)
{
	struct gpumem_block *block = gpumem_blocks_get(blocks, page);

	if (!block)
		return false;
	block->ours++;
	/* Nobody decides before all were met. */
	block->state = GPUMEM_BLOCK_FOUND;
	return true;
}

/**
 * gpumem_blocks_forget_uses - what is known of blocks is old
 * @blocks: the table
 *
 * A block that was met stays in the table, as it was met, and one that has to stay
 * stays. But one that was left may be full by now, and others emptier.
 */
void gpumem_blocks_forget_uses(struct gpumem_blocks *blocks)
{
	unsigned int i;

	for (i = 0; i < GPUMEM_BLOCKS_MAX; i++) {
		struct gpumem_block *block = &blocks->table[i];

		block->used = -1;
		if (block->state == GPUMEM_BLOCK_LEFT)
			block->state = GPUMEM_BLOCK_KEPT;
	}
}

/**
 * gpumem_blocks_emptiest - the block that costs the fewest moves
 * @blocks: the table
 * @full: nodes that have no place for what would leave
 *
 * Only blocks without other pages come into question, and those are not known
 * beforehand; but then our pages are all that a block has.
 *
 * Returns: a block that is GPUMEM_BLOCK_FOUND, or NULL if there is none that is
 * worth it.
 */
struct gpumem_block *gpumem_blocks_emptiest(struct gpumem_blocks *blocks,
					    const nodemask_t *full)
{
	struct gpumem_block *best = NULL;
	unsigned int i;

	for (i = 0; i < GPUMEM_BLOCKS_MAX; i++) {
		struct gpumem_block *block = &blocks->table[i];

		if (block->state == GPUMEM_BLOCK_FOUND &&
		    block->ours <= GPUMEM_BLOCK_MAX_USED &&
		    (!best || block->ours < best->ours) &&
		    !node_isset(block->node, *full))
			best = block;
	}
	return best;
}

/**
 * gpumem_blocks_avoid - look at no block of this memory
 * @first: first page frame
 * @count: number of them; a whole number of blocks
 */
void gpumem_blocks_avoid(unsigned long first, unsigned long count)
{
	gpumem_going_first = first;
	gpumem_going_count = count;
}

/* The first page of a block that is all online, stays so, and is in one zone, or NULL. */
static struct page *gpumem_block_first(unsigned long number)
{
	unsigned long pfn = number << pageblock_order;
	struct page *first = pfn_to_online_page(pfn);
	struct page *last = pfn_to_online_page(pfn + pageblock_nr_pages - 1);

	if (pfn - gpumem_going_first < gpumem_going_count)
		return NULL;
	if (!first || !last || page_zone(first) != page_zone(last))
		return NULL;
	return first;
}

/* Part of something large, or of a kind that is none of ours, such as a slab. */
static bool gpumem_is_of_another_kind(struct page *page)
{
	/* Whoever needs to be sure asks again with a reference. */
	return PageCompound(page) || data_race(PageSlab(page) || page_has_type(page));
}

/**
 * gpumem_page_set_held - a page in no slot is kept from those who allocate
 * @page: page of which the caller has the only reference
 * @held: false before the reference is dropped
 *
 * Meanwhile it counts as free here.
 */
void gpumem_page_set_held(struct page *page, bool held)
{
	set_page_private(page, held ? (unsigned long)&gpumem_held_mark : 0);
}

/*
 * Free pages from @page on, 0 if it is in use. What is in no free list and has no
 * reference is on its way there, or in the list of a CPU.
 */
static unsigned long gpumem_free_at(struct page *page)
{
	unsigned long order;

	if (PageBuddy(page)) {
		/* May be another's number by now; then one page is enough. */
		order = data_race(page_private(page));
		return order <= pageblock_order ? 1UL << order : 1;
	}
	/* These may have no reference either. */
	if (gpumem_is_of_another_kind(page))
		return 0;
	if (!page_count(page))
		return 1;
	/* No other has this number, whatever it is there. */
	return data_race(page_private(page)) == (unsigned long)&gpumem_held_mark;
}

/* Pages in use; all of them if that cannot be known. */
static unsigned int gpumem_block_count_used(unsigned long number)
{
	struct page *first = gpumem_block_first(number);
	unsigned long i = 0, step;
	unsigned int used = 0;

	if (!first)
		return pageblock_nr_pages;
	while (i < pageblock_nr_pages) {
		step = gpumem_free_at(first + i);
		used += !step;
		i += step ?: 1;
	}
	return used;
}

/**
 * gpumem_blocks_may_take - is a free page a good place for one from another block?
 * @blocks: the table
 * @page: page that was just allocated
 * @used: pages in use in the block that the other comes from
 *
 * Only if its block is at least as full: then each move makes full blocks fuller
 * and empty ones emptier, and compacting again and again comes to an end.
 *
 * Returns: true if it is.
 */
bool gpumem_blocks_may_take(struct gpumem_blocks *blocks, struct page *page,
			    unsigned int used)
{
	struct gpumem_block *block = gpumem_blocks_get(blocks, page);
	unsigned long number = page_to_pfn(page) >> pageblock_order;

	/* Without the page itself. */
	if (!block)
		return gpumem_block_count_used(number) > used;
	if (block->state == GPUMEM_BLOCK_LEFT)
		return false;
	if (block->used < 0)
		block->used = gpumem_block_count_used(number) - 1;
	return block->used >= (int)used;
}

/**
 * gpumem_blocks_took - a page that gpumem_blocks_may_take() is ours now
 * @blocks: the table
 * @page: the page
 */
void gpumem_blocks_took(struct gpumem_blocks *blocks, struct page *page)
{
	struct gpumem_block *block = gpumem_blocks_get(blocks, page);

	if (block) {
		block->used++;
		block->ours++;
	}
}

/**
 * gpumem_blocks_count_free - how many blocks that were emptied are free now?
 * @blocks: the table
 *
 * Each is counted once. What is held counts as free.
 *
 * Returns: the number of them.
 */
unsigned int gpumem_blocks_count_free(struct gpumem_blocks *blocks)
{
	unsigned int i, count = 0;

	for (i = 0; i < GPUMEM_BLOCKS_MAX; i++) {
		struct gpumem_block *block = &blocks->table[i];

		if (!block->fresh)
			continue;
		block->fresh = false;
		count += !gpumem_block_count_used(block->number);
		cond_resched();
	}
	return count;
}

/*
 * Might a page without an owner be ours, but for the moment? Locked, or a file's and
 * in the batch of some CPU. The low bits of a mapping say that it is no file's.
 */
static bool gpumem_page_is_busy(struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long mapping = (unsigned long)READ_ONCE(folio->mapping);

	return folio_test_locked(folio) ||
	       (!folio_test_lru(folio) && mapping && !(mapping & 3));
}

/*
 * Take a reference if the page is ours and nobody has said that it stays. Returns 0,
 * -EBUSY, or -EAGAIN if that may be otherwise in a moment.
 */
static int gpumem_block_take_page(struct page *page,
				  const struct drm_device *dev)
{
	struct gpumem_object *bo = NULL;
	pgoff_t index;
	int ret = -EBUSY;

	if (gpumem_is_of_another_kind(page) || !get_page_unless_zero(page))
		return ret;
	if (!gpumem_is_of_another_kind(page)) {
		bo = gpumem_page_owner(page, &index);
		if (!bo && gpumem_page_is_busy(page))
			ret = -EAGAIN;
	}
	if (bo) {
		if (!READ_ONCE(bo->pins) && (!dev || bo->base.dev == dev))
			ret = 0;
		unlock_page(page);
	}
	if (ret)
		put_page(page);
	return ret;
}

/**
 * gpumem_block_collect - take a reference on each page of a block
 * @block: the block
 * @dev: whose buffers count as ours, or NULL for those of all devices
 * @pages: receives the pages that are in use; room for pageblock_nr_pages
 *
 * Returns: the number of pages; -EBUSY, and no reference, if one of them is not
 * ours or has to stay, -EAGAIN if that may be for the moment only.
 */
int gpumem_block_collect(const struct gpumem_block *block,
			 const struct drm_device *dev, struct page **pages)
{
	struct page *first = gpumem_block_first(block->number);
	unsigned long i = 0, step;
	int ret, count = 0;

	if (!first)
		return -EBUSY;
	while (i < pageblock_nr_pages) {
		step = gpumem_free_at(first + i);
		if (!step) {
			ret = gpumem_block_take_page(first + i, dev);
			if (ret)
				goto err_put;
			pages[count++] = first + i;
			step = 1;
		}
		i += step;
	}
	return count;

err_put:
	while (count)
		put_page(pages[--count]);
	return ret;
}
