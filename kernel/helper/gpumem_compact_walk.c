// SPDX-License-Identifier: GPL-2.0
/*
 * The first half of a pass of our own compaction: in which page blocks do our pages
 * lie? Changes nothing but the table and the place where the next call goes on.
 */
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>

#include "gpumem_blocks.h"
#include "gpumem_compact.h"
#include "gpumem_internal.h"

/* Slots, or objects, that are looked at between two looks at the clock. */
#define GPUMEM_COMPACT_WALK	256

/**
 * gpumem_compact_is_over - is the budget used up, or does a signal or somebody wait?
 * @c: the compaction, with a call under way
 *
 * Returns: true if the call has to end.
 */
bool gpumem_compact_is_over(struct gpumem_compactor *c)
{
	return c->call->moved >= c->call->pages || signal_pending(current) ||
	       gpumem_compact_is_waited_for() ||
	       (c->deadline && ktime_get_ns() >= c->deadline);
}

/* Objects of which the last reference was ours, with that reference. */
static LLIST_HEAD(gpumem_compact_last_refs);
/* To free one may take long, and in other queues importers may block. */
static struct workqueue_struct *gpumem_compact_put_queue;

/**
 * gpumem_compact_get - take a reference on an object
 * @bo: the object
 *
 * It may become the last one, so it takes along what the
 * others hold: the device, and the driver's code. With the manager's lock held and
 * the object in the list, or with a page locked that it has in a slot: whoever drops
 * the last of the other references waits for that lock then, and holds these still.
 *
 * Returns: false if the object, the device or the driver is about to go.
 */
bool gpumem_compact_get(struct gpumem_object *bo)
{
	struct drm_device *dev = bo->base.dev;
	struct module *driver = dev->driver->fops->owner;

	if (!try_module_get(driver))
		return false;
	if (!kref_get_unless_zero(&dev->ref))
		goto err_module;
	if (kref_get_unless_zero(&bo->base.refcount))
		return true;
	drm_dev_put(dev);
err_module:
	module_put(driver);
	return false;
}

static void gpumem_compact_put_now(struct work_struct *work)
{
	struct llist_node *first = llist_del_all(&gpumem_compact_last_refs);
	struct gpumem_object *bo, *next;

	llist_for_each_entry_safe(bo, next, first, last_ref) {
		struct drm_device *dev = bo->base.dev;
		struct module *driver = dev->driver->fops->owner;

		drm_gem_object_put(&bo->base);
		drm_dev_put(dev);
		module_put(driver);
		cond_resched();
	}
}

static DECLARE_WORK(gpumem_compact_put_work, gpumem_compact_put_now);

/**
 * gpumem_compact_put - undo gpumem_compact_get()
 * @bo: the object
 *
 * Does not free it, which takes longer than a call may have, and waits for locks.
 */
void gpumem_compact_put(struct gpumem_object *bo)
{
	struct drm_device *dev = bo->base.dev;
	struct module *driver = dev->driver->fops->owner;

	if (!refcount_dec_not_one(&bo->base.refcount.refcount)) {
		/* What belongs to the reference goes with it. */
		llist_add(&bo->last_ref, &gpumem_compact_last_refs);
		queue_work(gpumem_compact_put_queue, &gpumem_compact_put_work);
		return;
	}
	drm_dev_put(dev);
	module_put(driver);
}

/**
 * gpumem_compact_put_begin - prepare for gpumem_compact_put()
 *
 * Returns: 0 or -ENOMEM.
 */
int gpumem_compact_put_begin(void)
{
	gpumem_compact_put_queue = alloc_workqueue("gpumem_put", WQ_UNBOUND, 0);
	return gpumem_compact_put_queue ? 0 : -ENOMEM;
}

/**
 * gpumem_compact_put_wait - wait for what gpumem_compact_put() has left to do
 */
void gpumem_compact_put_wait(void)
{
	flush_work(&gpumem_compact_put_work);
}

/**
 * gpumem_compact_put_end - undo gpumem_compact_put_begin()
 *
 * Nothing is put any more.
 */
void gpumem_compact_put_end(void)
{
	if (gpumem_compact_put_queue)
		destroy_workqueue(gpumem_compact_put_queue);
	gpumem_compact_put_queue = NULL;
}

static bool gpumem_compact_looks_at(const struct gpumem_compactor *c,
				    const struct gpumem_object *bo)
{
	return bo->movable && READ_ONCE(bo->resident) &&
	       (!c->dev || bo->base.dev == c->dev);
}

/* The next object to be walked, with a reference; NULL at the end, or of the call. */
static struct gpumem_object *gpumem_compact_next(struct gpumem_compactor *c)
{
	struct gpumem_manager *mgr = &gpumem_manager;
	unsigned int passed = 0;
	struct gpumem_object *bo;

	mutex_lock(&mgr->lock);
	if (!mgr->walk)
		mgr->walk = mgr->objects.next;
	while (mgr->walk != &mgr->objects) {
		bo = list_entry(mgr->walk, struct gpumem_object, link);
		mgr->walk = bo->link.next;
		if (gpumem_compact_looks_at(c, bo) && gpumem_compact_get(bo)) {
			mutex_unlock(&mgr->lock);
			return bo;
		}
		if (++passed % GPUMEM_COMPACT_WALK)
			continue;
		/* Others wait for the lock, and there may be many. */
		mutex_unlock(&mgr->lock);
		if (gpumem_compact_is_over(c))
			return NULL;
		cond_resched();
		mutex_lock(&mgr->lock);
	}
	mgr->walk = NULL;
	mutex_unlock(&mgr->lock);
	c->object = 0;
	c->index = 0;
	c->walked = true;
	c->wrapped = true;
	return NULL;
}

/* The next walk, or what is left of this one, begins here. */
static void gpumem_compact_walk_from(struct list_head *link)
{
	mutex_lock(&gpumem_manager.lock);
	gpumem_manager.walk = link;
	mutex_unlock(&gpumem_manager.lock);
}

/**
 * gpumem_compact_walk_anew - the next walk begins at the first object
 * @c: the compaction
 */
void gpumem_compact_walk_anew(struct gpumem_compactor *c)
{
	gpumem_compact_walk_from(NULL);
	c->object = 0;
	c->index = 0;
}

/* Returns false if the walk cannot go on in this call, or in this pass. */
static bool gpumem_compact_walk_object(struct gpumem_compactor *c,
				       struct gpumem_object *bo)
{
	pgoff_t end, n = gpumem_object_pages(bo);
	struct page *page;

	while (c->index < n) {
		/* What is pinned or busy is looked at in the next pass. */
		if (!mutex_trylock(&bo->lock)) {
			c->missed = true;
			return true;
		}
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
		if (c->index < n && gpumem_compact_is_over(c))
			return false;
		cond_resched();
	}
	return true;
}

/**
 * gpumem_compact_walk - the first half of a pass, as far as the budget goes
 * @c: the compaction, with a call under way
 */
void gpumem_compact_walk(struct gpumem_compactor *c)
{
	struct gpumem_object *bo;
	bool whole;

	while ((bo = gpumem_compact_next(c))) {
		/* Another one is there by now. */
		if (bo->id != c->object)
			c->index = 0;
		c->object = bo->id;
		whole = gpumem_compact_walk_object(c, bo);
		/* With our reference it is in the list. */
		if (!whole)
			gpumem_compact_walk_from(&bo->link);
		gpumem_compact_put(bo);
		if (!whole || gpumem_compact_is_over(c))
			return;
	}
}
