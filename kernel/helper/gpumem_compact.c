// SPDX-License-Identifier: GPL-2.0
/*
 * Our own compaction: it makes whole page blocks free without waiting for the
 * kernel to want one. The emptiest blocks that have pages of ours, and nothing
 * that stays, are left for places in fuller ones.
 *
 * A pass has two halves. First the objects are walked, and the blocks that their
 * pages lie in are counted in a table; then the blocks are left, the emptiest
 * first. Either can be cut short by the budget of a call at any page, and the next
 * call goes on there: what it needs for that is in struct gpumem_compactor.
 *
 * A page moves as in a callback of the kernel (gpumem_object_begin_move()), so
 * whatever keeps a page from moving there keeps it here. Nothing waits for others:
 * an object that is busy, or a block where a page stays, has its turn in the next
 * pass.
 *
 * Where a page goes is for the page allocator to say. A place that it offers in a
 * block that is emptier, or is being left itself, is held back for
 * a while, as are the pages that went: else they would be what is offered next.
 */
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>

#include "gpumem_blocks.h"
#include "gpumem_compact.h"
#include "gpumem_internal.h"
#include "gpumem_lru.h"
#include "gpumem_trace.h"

/* Slots that are looked at between two looks at the clock. */
#define GPUMEM_COMPACT_WALK	256

/*
 * Pages that are held back at a time. With half as many they go, as they join only
 * when they are free: then they are the last that are offered. Before that the lists
 * of free pages of a CPU, which have some thousands, offer them again.
 */
#define GPUMEM_COMPACT_HELD	8192

/* A call that is not done after so many passes is better made again. */
#define GPUMEM_COMPACT_PASSES	4

/*
 * Reclaim would make room at the cost of others, and the kernel's compaction do
 * what we are about to do.
 */
#define GPUMEM_COMPACT_GFP \
	((GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NORETRY | \
	  __GFP_NOWARN) & ~__GFP_RECLAIM)

/* Between calls, and what is too large for the stack. */
struct gpumem_compactor {
	/* Whose objects are compacted; only compared. NULL: everybody's. */
	struct drm_device *dev;
	/* Where the walk goes on. */
	u64 object;
	pgoff_t index;
	/* The walk of this pass is over, and whether it came to the end. */
	bool walked;
	bool wrapped;
	/* A page has moved since the walk began at the first object. */
	bool moved;

	struct gpumem_blocks *blocks;
	struct page **pages;
	struct page **held;
	unsigned int held_count;

	/* Of the call that is under way. */
	struct gpumem_compaction *call;
	u64 deadline;
};

/*
 * One compaction at a time. Whoever removes memory waits for it as well, so page
 * frames that were online stay so meanwhile. See the top of gpumem_object.c.
 */
static DEFINE_MUTEX(gpumem_compact_lock);
/* Both protected by it. */
static struct gpumem_compactor *gpumem_compactor;
static struct gpumem_compaction gpumem_compact_result;

static void gpumem_compactor_destroy(struct gpumem_compactor *c)
{
	if (!c)
		return;
	gpumem_blocks_destroy(c->blocks);
	kvfree(c->pages);
	kvfree(c->held);
	kfree(c);
}

static struct gpumem_compactor *gpumem_compactor_create(void)
{
	struct gpumem_compactor *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	c->blocks = gpumem_blocks_create();
	c->pages = kvcalloc(pageblock_nr_pages, sizeof(*c->pages), GFP_KERNEL);
	c->held = kvcalloc(GPUMEM_COMPACT_HELD, sizeof(*c->held), GFP_KERNEL);
	if (c->blocks && c->pages && c->held)
		return c;
	gpumem_compactor_destroy(c);
	return NULL;
}

/**
 * gpumem_compact_fini - no call comes any more
 */
void gpumem_compact_fini(void)
{
	gpumem_compactor_destroy(gpumem_compactor);
}

/**
 * gpumem_compact_wait - wait for a compaction that is under way
 *
 * For memory that has gone offline and is about to be removed.
 */
void gpumem_compact_wait(void)
{
	mutex_lock(&gpumem_compact_lock);
	mutex_unlock(&gpumem_compact_lock);
}

/**
 * gpumem_compact_last - budget and result of the last call that did something
 * @last: receives them; all zero if there was none
 */
void gpumem_compact_last(struct gpumem_compaction *last)
{
	mutex_lock(&gpumem_compact_lock);
	*last = gpumem_compact_result;
	mutex_unlock(&gpumem_compact_lock);
}

/* The budget is used up, or a signal waits. */
static bool gpumem_compact_is_over(struct gpumem_compactor *c)
{
	return c->call->moved >= c->call->pages || signal_pending(current) ||
	       (c->deadline && ktime_get_ns() >= c->deadline);
}

static void gpumem_compact_release(struct gpumem_compactor *c)
{
	while (c->held_count) {
		put_page(c->held[--c->held_count]);
		cond_resched();
	}
}

static void gpumem_compact_hold(struct gpumem_compactor *c, struct page *page)
{
	if (c->held_count < GPUMEM_COMPACT_HELD)
		c->held[c->held_count++] = page;
	else
		put_page(page);
}

/*
 * A reference on an object. It may become the last one, so it takes along what the
 * others hold: the device, and the driver's code. With the manager's lock held and
 * the object in the list, or with a page locked that it has in a slot: whoever drops
 * the last of the other references waits for that lock then, and holds these still.
 */
static bool gpumem_compact_get(struct gpumem_object *bo)
{
	struct drm_device *dev = bo->base.dev;
	struct module *driver = dev->driver->fops->owner;

	if (!try_module_get(driver))
		return false;
	drm_dev_get(dev);
	if (kref_get_unless_zero(&bo->base.refcount))
		return true;
	drm_dev_put(dev);
	module_put(driver);
	return false;
}

static void gpumem_compact_put(struct gpumem_object *bo)
{
	struct drm_device *dev = bo->base.dev;
	struct module *driver = dev->driver->fops->owner;

	drm_gem_object_put(&bo->base);
	drm_dev_put(dev);
	module_put(driver);
}

/*
 * The next object to be walked, with a reference; @last, which has one, keeps its
 * place in the list. Without it, where the last call has stopped.
 */
static struct gpumem_object *gpumem_compact_next(struct gpumem_compactor *c,
						 struct gpumem_object *last)
{
	struct gpumem_manager *mgr = &gpumem_manager;
	struct gpumem_object *bo;

	mutex_lock(&mgr->lock);
	bo = list_prepare_entry(last, &mgr->objects, link);
	list_for_each_entry_continue(bo, &mgr->objects, link) {
		if (bo->id < c->object || !bo->movable ||
		    (c->dev && bo->base.dev != c->dev) ||
		    !READ_ONCE(bo->resident))
			continue;
		if (gpumem_compact_get(bo))
			goto out_unlock;
	}
	bo = NULL;
out_unlock:
	mutex_unlock(&mgr->lock);
	return bo;
}

/* Returns false if the walk cannot go on in this call, or in this pass. */
static bool gpumem_compact_walk_object(struct gpumem_compactor *c,
				       struct gpumem_object *bo)
{
	pgoff_t end, n = gpumem_object_pages(bo);
	struct page *page;

	while (c->index < n) {
		/* What is pinned or busy is looked at in the next pass. */
		if (!mutex_trylock(&bo->lock))
			return true;
		end = bo->pins ? c->index :
			min(n, c->index + GPUMEM_COMPACT_WALK);
		for (; c->index < end; c->index++) {
			page = bo->backing->lookup(bo, c->index);
			if (page && !gpumem_blocks_meet(c->blocks, page))
				break;
			c->call->scanned++;
		}
		n = bo->pins ? c->index : n;
		mutex_unlock(&bo->lock);
		/* The table is full: the rest is for the next pass. */
		if (c->index < end) {
			c->walked = true;
			return false;
		}
		if (gpumem_compact_is_over(c))
			return false;
		cond_resched();
	}
	return true;
}

/* The first half of a pass. */
static void gpumem_compact_walk(struct gpumem_compactor *c)
{
	struct gpumem_object *bo, *next;

	for (bo = gpumem_compact_next(c, NULL); bo; bo = next) {
		/* Another one is there by now. */
		if (bo->id != c->object)
			c->index = 0;
		c->object = bo->id;
		if (!gpumem_compact_walk_object(c, bo)) {
			gpumem_compact_put(bo);
			return;
		}
		next = gpumem_compact_next(c, bo);
		gpumem_compact_put(bo);
	}
	c->object = 0;
	c->index = 0;
	c->walked = true;
	c->wrapped = true;
}

/* A place for a page of the block, or NULL if there is none. */
static struct page *gpumem_compact_place(struct gpumem_compactor *c,
					 struct gpumem_block *block,
					 struct page *src)
{
	unsigned int tries = 0;
	struct page *page;

	while (c->held_count < GPUMEM_COMPACT_HELD) {
		page = alloc_pages_node(page_to_nid(src), GPUMEM_COMPACT_GFP, 0);
		if (!page)
			return NULL;
		if (gpumem_blocks_may_take(c->blocks, page, block->used))
			return page;
		gpumem_compact_hold(c, page);
		/* A short time must be enough for one page. */
		if (++tries % 64 == 0 && gpumem_compact_is_over(c))
			return NULL;
		cond_resched();
	}
	return NULL;
}

static int gpumem_compact_move(struct gpumem_object *bo, pgoff_t index,
			       struct page *src, struct page *dst)
{
	int ret;

	ret = gpumem_object_begin_move(bo);
	if (!ret) {
		ret = bo->backing->replace(bo, index, src, dst);
		if (!ret)
			gpumem_object_got_page(bo, dst);
		gpumem_object_end_move(bo, ret);
	}
	trace_gpumem_migrate(bo->id, index, page_to_pfn(src), page_to_pfn(dst),
			     ret);
	return ret;
}

/*
 * Returns 0 if the page is no longer in its block, -ENOSPC if there is no place for
 * it, or any other error if it stays where it is.
 */
static int gpumem_compact_page(struct gpumem_compactor *c,
			       struct gpumem_block *block, struct page *src)
{
	struct gpumem_object *bo;
	struct page *dst;
	pgoff_t index;
	int ret = -ENOSPC;
	bool got;

	/* Freed, or moved by the kernel, while we had our reference. */
	if (page_count(src) == 1)
		return 0;
	bo = gpumem_page_owner(src, &index);
	if (!bo)
		return -EBUSY;
	got = gpumem_compact_get(bo);
	unlock_page(src);
	if (!got)
		return -EBUSY;

	dst = gpumem_compact_place(c, block, src);
	if (!dst)
		goto out_put;
	ret = gpumem_compact_move(bo, index, src, dst);
	if (ret) {
		put_page(dst);
		goto out_put;
	}
	gpumem_blocks_took(c->blocks, dst);
	/* The slot has its own reference. */
	put_page(dst);
	c->call->moved++;
	c->moved = true;
out_put:
	gpumem_compact_put(bo);
	return ret;
}

/* Returns false if nothing more can be done in this pass, or in this call. */
static bool gpumem_compact_block(struct gpumem_compactor *c,
				 struct gpumem_block *block)
{
	int i, count, ret = 0;

	count = gpumem_block_collect(block, c->dev, c->pages);
	c->call->scanned += pageblock_nr_pages;
	if (count < 0) {
		block->state = GPUMEM_BLOCK_KEPT;
		return true;
	}
	block->state = GPUMEM_BLOCK_LEFT;
	block->fresh = true;
	block->used = count;
	for (i = 0; i < count && !ret; i++) {
		ret = gpumem_compact_page(c, block, c->pages[i]);
		if (!ret) {
			gpumem_compact_hold(c, c->pages[i]);
			block->used--;
		} else {
			put_page(c->pages[i]);
		}
		if (gpumem_compact_is_over(c)) {
			i++;
			break;
		}
		cond_resched();
	}
	while (i < count)
		put_page(c->pages[i++]);
	if (c->held_count >= GPUMEM_COMPACT_HELD / 2)
		gpumem_compact_release(c);
	if (!block->used)
		return true;

	/* Later, unless something stays for now; then it may be filled up. */
	block->ours = block->used;
	block->fresh = false;
	block->state = ret && ret != -ENOSPC ? GPUMEM_BLOCK_KEPT :
					       GPUMEM_BLOCK_FOUND;
	if (ret == -EAGAIN)
		gpumem_drain_lru_batches();
	return ret != -ENOSPC;
}

/* The second half of a pass. Returns false if it is cut short. */
static bool gpumem_compact_leave(struct gpumem_compactor *c)
{
	struct gpumem_block *block;

	for (;;) {
		block = gpumem_blocks_emptiest(c->blocks);
		if (!block)
			return true;
		if (!gpumem_compact_block(c, block))
			return !gpumem_compact_is_over(c);
		if (gpumem_compact_is_over(c))
			return false;
	}
}

static void gpumem_compact_begin_pass(struct gpumem_compactor *c)
{
	gpumem_blocks_clear(c->blocks);
	c->walked = false;
	if (c->wrapped)
		c->moved = false;
	c->wrapped = false;
	/* Pages that were touched just now are not on the LRU yet. */
	gpumem_drain_lru_batches();
}

static void gpumem_compact_run(struct gpumem_compactor *c)
{
	unsigned int passes = GPUMEM_COMPACT_PASSES;

	while (passes--) {
		bool whole = false;

		if (!c->walked)
			gpumem_compact_walk(c);
		if (c->walked)
			whole = gpumem_compact_leave(c);

		gpumem_compact_release(c);
		c->call->freed += gpumem_blocks_count_free(c->blocks);
		if (!whole)
			return;

		c->call->done = c->wrapped && !c->moved;
		gpumem_compact_begin_pass(c);
		if (c->call->done || gpumem_compact_is_over(c))
			return;
	}
}

/**
 * gpumem_device_compact - make page blocks free by moving pages of buffers
 * @dev: device whose buffers are moved, or NULL for those of all devices that use
 *	this helper
 * @compaction: budget and result
 *
 * Moves pages from the emptiest page blocks that hold nothing else into fuller ones,
 * without waiting for the kernel to want a block. Goes on where the last call has
 * stopped, so that calls with a small budget, once a frame, come as far as one with a
 * large one. A signal ends it early, as if time were up. A call looks at 256 slots or
 * moves a page even if the time is too short for it; what it has to put back at the
 * end, too, is not counted.
 *
 * Must not be called with any lock of the helper or any reservation held.
 *
 * Returns: 0, -EINVAL if there is no budget of pages or it is over
 * GPUMEM_COMPACTION_MAX_PAGES, -EBUSY if another compaction is under way, or -ENOMEM.
 * On error nothing has moved, and the result is not written.
 */
int gpumem_device_compact(struct drm_device *dev,
			  struct gpumem_compaction *compaction)
{
	struct gpumem_compactor *c;
	u64 start = ktime_get_ns();
	int ret = 0;

	if (!compaction->pages ||
	    compaction->pages > GPUMEM_COMPACTION_MAX_PAGES)
		return -EINVAL;
	if (!mutex_trylock(&gpumem_compact_lock))
		return -EBUSY;
	if (!gpumem_compactor)
		gpumem_compactor = gpumem_compactor_create();
	c = gpumem_compactor;
	if (!c) {
		ret = -ENOMEM;
		goto out_unlock;
	}

	if (c->dev != dev) {
		c->dev = dev;
		c->object = 0;
		c->index = 0;
		c->moved = false;
		gpumem_compact_begin_pass(c);
	}
	compaction->moved = 0;
	compaction->freed = 0;
	compaction->scanned = 0;
	compaction->done = false;
	c->call = compaction;
	c->deadline = compaction->time_ns ?
		start + min(compaction->time_ns, (u64)KTIME_MAX) : 0;
	gpumem_compact_run(c);
	c->call = NULL;
	gpumem_compact_result = *compaction;

out_unlock:
	mutex_unlock(&gpumem_compact_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(gpumem_device_compact);
