// SPDX-License-Identifier: GPL-2.0
/*
 * Our own compaction: it makes whole page blocks free without waiting for the
 * kernel to want one. The emptiest blocks that have pages of ours, and nothing
 * that stays, are left for places in fuller ones.
 *
 * A pass has two halves. First the objects are walked, and the blocks that their
 * pages lie in are counted in a table; then the blocks are left, the emptiest
 * first. Either can be cut short by the budget of a call at any page, and the next
 * call goes on there: what it needs for that is in struct gpumem_compactor. The walk is
 * in gpumem_compact_walk.c, the table in gpumem_blocks.c.
 *
 * A page moves as in a callback of the kernel (gpumem_object_begin_move()), so
 * whatever keeps a page from moving there keeps it here. Nothing waits for others:
 * an object that is busy, or a block where a page stays, has its turn in the next
 * pass.
 *
 * Where a page goes is for the page allocator to say. A place that it offers in a
 * block that is emptier, or is being left itself, is held back for a while: else it
 * would be what is offered next. So is the page that has just moved, or somebody else
 * would have it at once, in the block that is to become free; but not if its memcg is
 * charged for it until it is free, which could be more than it may have.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../store/gpumem_store.h"
#include "gpumem_blocks.h"
#include "gpumem_compact.h"
#include "gpumem_internal.h"
#include "gpumem_lru.h"
#include "gpumem_trace.h"

/*
 * Pages that are held back at a time, at most, and of all memory. With half as many
 * they go, as they join only when they are free: then they are the last that are
 * offered. Before that the lists of free pages of a CPU, which have some thousands,
 * offer them again. For the same reason they are kept from one call to the next, if
 * that comes soon enough.
 */
#define GPUMEM_COMPACT_HELD		8192
#define GPUMEM_COMPACT_HELD_SHARE	32
#define GPUMEM_COMPACT_HELD_JIFFIES	max(HZ / 10, 1)

/* What is known of a block is not worth much after so long. */
#define GPUMEM_COMPACT_STALE_JIFFIES	HZ

/* A call that is not done after so many passes is better made again. */
#define GPUMEM_COMPACT_PASSES	4

/* What was in the way so many times in a row is not there for a moment only. */
#define GPUMEM_COMPACT_IDLE	3

/*
 * Reclaim would make room at the cost of others, and the kernel's compaction do
 * what we are about to do. The reserves are for those who cannot do without.
 */
#define GPUMEM_COMPACT_GFP \
	((GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NORETRY | \
	  __GFP_NOWARN | __GFP_NOMEMALLOC) & ~__GFP_RECLAIM)

/*
 * One compaction at a time. Whoever removes memory waits for it as well, so page
 * frames that were online stay so meanwhile. See the top of gpumem_object.c.
 */
static DEFINE_MUTEX(gpumem_compact_lock);
/* A call is under way; others that take the lock have it for a moment only. */
static atomic_t gpumem_compact_busy;
/* Somebody who must not wait for the end of its budget waits for it. */
static atomic_t gpumem_compact_waiters;
/* Both protected by the lock. */
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

/* What it allocates is kept until the module goes; page_owner shows it by name. */
static noinline struct gpumem_compactor *gpumem_compactor_create(void)
{
	struct gpumem_compactor *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	c->blocks = gpumem_blocks_create();
	c->pages = kvcalloc(pageblock_nr_pages, sizeof(*c->pages), GFP_KERNEL);
	c->held_max = min(totalram_pages() / GPUMEM_COMPACT_HELD_SHARE,
			  (unsigned long)GPUMEM_COMPACT_HELD);
	c->held = kvcalloc(c->held_max, sizeof(*c->held), GFP_KERNEL);
	if (c->blocks && c->pages && c->held)
		return c;
	gpumem_compactor_destroy(c);
	return NULL;
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

static void gpumem_compact_release(struct gpumem_compactor *c)
{
	struct page *page;

	while (c->held_count) {
		WRITE_ONCE(c->held_count, c->held_count - 1);
		page = c->held[c->held_count];
		gpumem_page_set_held(page, false);
		put_page(page);
		cond_resched();
	}
}

static void gpumem_compact_hold(struct gpumem_compactor *c, struct page *page)
{
	if (c->held_count == c->held_max) {
		put_page(page);
		return;
	}
	gpumem_page_set_held(page, true);
	c->held[c->held_count] = page;
	WRITE_ONCE(c->held_count, c->held_count + 1);
}

/**
 * gpumem_compact_held - what gpumem_compact_give_back() would give
 *
 * Returns: pages, more or less.
 */
unsigned long gpumem_compact_held(void)
{
	struct gpumem_compactor *c = READ_ONCE(gpumem_compactor);

	return c ? READ_ONCE(c->held_count) : 0;
}

/**
 * gpumem_compact_give_back - memory is short: hold no page between two calls
 *
 * For reclaim as well: a call that is under way is not waited for, as it looks
 * itself at how much memory is left.
 *
 * Returns: pages that went.
 */
unsigned long gpumem_compact_give_back(void)
{
	unsigned long held = gpumem_compact_held();

	if (!held || !mutex_trylock(&gpumem_compact_lock))
		return 0;
	held = gpumem_compactor->held_count;
	gpumem_compact_release(gpumem_compactor);
	mutex_unlock(&gpumem_compact_lock);
	return held;
}

/* Nobody has gone on where the last call stopped. */
static void gpumem_compact_work(struct work_struct *work)
{
	/* Or somebody does just now, or only reads the result of the last one. */
	if (!mutex_trylock(&gpumem_compact_lock)) {
		schedule_delayed_work(to_delayed_work(work),
				      GPUMEM_COMPACT_HELD_JIFFIES);
		return;
	}
	gpumem_compact_release(gpumem_compactor);
	mutex_unlock(&gpumem_compact_lock);
}

static DECLARE_DELAYED_WORK(gpumem_compact_release_work, gpumem_compact_work);

/**
 * gpumem_compact_is_waited_for - does somebody wait for the call to end?
 *
 * Returns: true if it has to end early.
 */
bool gpumem_compact_is_waited_for(void)
{
	return atomic_read(&gpumem_compact_waiters);
}

/**
 * gpumem_compact_avoid - leave memory alone that is about to go
 * @first: first page frame
 * @count: number of them; 0: nothing goes any more
 *
 * Has a compaction that is under way end, and waits for it. None of its pages is held
 * afterwards. One range at a time, as the kernel has it.
 */
void gpumem_compact_avoid(unsigned long first, unsigned long count)
{
	atomic_inc(&gpumem_compact_waiters);
	mutex_lock(&gpumem_compact_lock);
	atomic_dec(&gpumem_compact_waiters);
	gpumem_blocks_avoid(first, count);
	if (gpumem_compactor)
		gpumem_compact_release(gpumem_compactor);
	mutex_unlock(&gpumem_compact_lock);
}

/**
 * gpumem_compact_fini - no call comes any more
 */
void gpumem_compact_fini(void)
{
	cancel_delayed_work_sync(&gpumem_compact_release_work);
	if (gpumem_compactor)
		gpumem_compact_release(gpumem_compactor);
	gpumem_compactor_destroy(gpumem_compactor);
}

/* What is free below the low watermark is for others: they would have to reclaim. */
static bool gpumem_compact_spares(struct page *page)
{
	struct zone *zone = page_zone(page);

	return zone_page_state(zone, NR_FREE_PAGES) > low_wmark_pages(zone);
}

/*
 * A place for a page of the block. -ENOSPC if there is none, nor for a page of a
 * block that is fuller; -EINTR if the call has to end.
 */
static struct page *gpumem_compact_place(struct gpumem_compactor *c,
					 struct gpumem_block *block,
					 struct page *src)
{
	unsigned int tries;
	struct page *page;

	for (tries = 0; c->held_count < c->held_max; tries++) {
		if (tries % 64 == 0 && !gpumem_memory_is_left(c->held_max))
			goto err_release;
		/* A short time must be enough for one page. */
		if (tries && tries % 64 == 0 && gpumem_compact_is_over(c))
			return ERR_PTR(-EINTR);
		page = alloc_pages_node(page_to_nid(src), GPUMEM_COMPACT_GFP, 0);
		if (!page)
			goto err_release;
		if (!gpumem_compact_spares(page)) {
			put_page(page);
			goto err_release;
		}
		if (gpumem_blocks_may_take(c->blocks, page, block->used))
			return page;
		gpumem_compact_hold(c, page);
		cond_resched();
	}
	/* So many were offered in vain; when they are free again others may be. */
	c->missed = true;
	return ERR_PTR(-ENOSPC);

err_release:
	/* Memory is short. */
	c->missed = true;
	gpumem_compact_release(c);
	return ERR_PTR(-ENOSPC);
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
 * Returns 0 if the page is no longer in its block, -ENOSPC or -EINTR if no place was
 * found for it, or any other error if it stays where it is.
 */
static int gpumem_compact_page(struct gpumem_compactor *c,
			       struct gpumem_block *block, struct page *src)
{
	struct gpumem_object *bo;
	struct page *dst;
	pgoff_t index;
	bool got;
	int ret;

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
	ret = PTR_ERR_OR_ZERO(dst);
	if (ret)
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
	c->idle = 0;
out_put:
	gpumem_compact_put(bo);
	return ret;
}

/* By others than the root, which has no limit. */
static bool gpumem_page_is_charged(struct page *page)
{
	struct mem_cgroup *memcg;
	bool charged;

	rcu_read_lock();
	memcg = folio_memcg(page_folio(page));
	charged = memcg && memcg->css.parent;
	rcu_read_unlock();
	return charged;
}

static void gpumem_compact_block(struct gpumem_compactor *c,
				 struct gpumem_block *block)
{
	u64 moved = c->call->moved;
	int i, count, ret = 0;
	bool later;

	count = gpumem_block_collect(block, c->dev, c->pages);
	c->call->scanned += pageblock_nr_pages;
	if (count < 0) {
		block->state = GPUMEM_BLOCK_KEPT;
		if (count == -EAGAIN) {
			c->missed = true;
			gpumem_drain_lru_batches();
		}
		return;
	}
	block->state = GPUMEM_BLOCK_LEFT;
	block->used = count;
	for (i = 0; i < count && !ret; i++) {
		ret = gpumem_compact_page(c, block, c->pages[i]);
		if (!ret)
			block->used--;
		if (!ret && !gpumem_page_is_charged(c->pages[i]))
			gpumem_compact_hold(c, c->pages[i]);
		else
			put_page(c->pages[i]);
		if (gpumem_compact_is_over(c)) {
			i++;
			break;
		}
		cond_resched();
	}
	while (i < count)
		put_page(c->pages[i++]);
	/* The next call searches on with those that this one has seen. */
	if (ret != -EINTR && c->held_count >= c->held_max / 2)
		gpumem_compact_release(c);
	if (!block->used) {
		/* It may have been free before, or its owner has freed the rest. */
		block->fresh = c->call->moved > moved;
		return;
	}

	/* Later, unless something stays for now; then it may be filled up. */
	later = !ret || ret == -ENOSPC || ret == -EINTR;
	if (!later && ret != -EHWPOISON)
		c->missed = true;
	block->ours = block->used;
	block->state = later ? GPUMEM_BLOCK_FOUND : GPUMEM_BLOCK_KEPT;
	if (ret == -ENOSPC)
		node_set(block->node, c->full);
	if (ret == -EAGAIN)
		gpumem_drain_lru_batches();
}

/* The second half of a pass. Returns false if it is cut short. */
static bool gpumem_compact_leave(struct gpumem_compactor *c)
{
	struct gpumem_block *block;

	for (;;) {
		block = gpumem_blocks_emptiest(c->blocks, &c->full);
		if (!block)
			return true;
		gpumem_compact_block(c, block);
		if (gpumem_compact_is_over(c))
			return false;
		cond_resched();
	}
}

static void gpumem_compact_begin_pass(struct gpumem_compactor *c)
{
	gpumem_blocks_clear(c->blocks);
	nodes_clear(c->full);
	c->walked = false;
	if (c->wrapped) {
		c->moved = false;
		c->missed = false;
	}
	c->wrapped = false;
	/* Pages that were touched just now are not on the LRU yet. */
	gpumem_drain_lru_batches();
}

/* After a pass. */
static bool gpumem_compact_is_done(struct gpumem_compactor *c)
{
	if (c->moved || !c->wrapped)
		return false;
	if (c->missed && ++c->idle < GPUMEM_COMPACT_IDLE)
		return false;
	c->idle = 0;
	return true;
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

		if (whole)
			gpumem_compact_release(c);
		c->call->freed += gpumem_blocks_count_free(c->blocks);
		if (!whole)
			return;

		c->call->done = gpumem_compact_is_done(c);
		gpumem_compact_begin_pass(c);
		/* What was missed is still there. */
		if (c->call->done || c->idle || gpumem_compact_is_over(c))
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
 * large one. A signal ends it early, as if time were up, and so does memory that is
 * about to be removed. A call looks at 256 slots or
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
	if (atomic_cmpxchg(&gpumem_compact_busy, 0, 1))
		return -EBUSY;
	mutex_lock(&gpumem_compact_lock);
	c = gpumem_compactor;
	if (!c) {
		c = gpumem_compactor_create();
		WRITE_ONCE(gpumem_compactor, c);
	}
	if (!c) {
		ret = -ENOMEM;
		goto out_unlock;
	}

	if (c->dev != dev) {
		c->dev = dev;
		gpumem_compact_walk_anew(c);
		c->moved = false;
		c->missed = false;
		c->idle = 0;
		gpumem_compact_release(c);
		gpumem_compact_begin_pass(c);
	}
	if (c->walked && time_after(jiffies, c->last + GPUMEM_COMPACT_STALE_JIFFIES)) {
		gpumem_blocks_forget_uses(c->blocks);
		nodes_clear(c->full);
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
	c->last = jiffies;
	if (c->held_count) {
		/* From now on, if it is under way already. */
		cancel_delayed_work(&gpumem_compact_release_work);
		schedule_delayed_work(&gpumem_compact_release_work,
				      GPUMEM_COMPACT_HELD_JIFFIES);
	}
	gpumem_compact_result = *compaction;
	/* The store's pages become fewer as well, by its own worker. */
	if (gpumem_store_pages())
		gpumem_store_wake_packer();

out_unlock:
	mutex_unlock(&gpumem_compact_lock);
	atomic_set(&gpumem_compact_busy, 0);
	/* Who has the time finds what was freed meanwhile gone. */
	if (!ret && !compaction->time_ns)
		gpumem_compact_put_wait();
	return ret;
}
EXPORT_SYMBOL_GPL(gpumem_device_compact);
