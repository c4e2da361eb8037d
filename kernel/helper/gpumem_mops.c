// SPDX-License-Identifier: GPL-2.0
/*
 * Backing "mops": pages carry struct movable_operations, so compaction hands
 * them to us one by one. User mappings are PFN mappings that are revoked before
 * a page moves and come back by a fault.
 *
 * While a page is ours, its fields mean:
 *
 *   page->private   the struct gpumem_object, set and cleared under page lock
 *   page->index     the slot
 *   page->mapping   gpumem_mops_ops, tagged (by __SetPageMovable)
 *   page->lru       belongs to the kernel between isolate and putback; ours
 *                   only before the page is made movable
 *
 * One reference is ours for as long as the page is in a slot.
 *
 * What keeps the object alive in a callback: the page lock. Every callback
 * runs with the page locked and the page in a slot, and fini locks each page
 * before it lets go of it, so the object cannot be freed under a callback.
 * After a successful move the slot holds the destination, which the kernel
 * keeps locked until the callback has returned.
 *
 * With movable=0 the pages are allocated from unmovable memory and carry no
 * operations, as the pages of today's drivers.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_vma_manager.h>
#include <drm/gpumem_drm.h>

#include "../store/gpumem_store.h"
#include "gpumem_cold.h"
#include "gpumem_internal.h"
#include "gpumem_trace.h"

/* Neighbours that a fault maps as well, if they are resident. A power of 2. */
#define GPUMEM_FAULT_AROUND	16

static const struct movable_operations gpumem_mops_ops;

static int gpumem_mops_init(struct gpumem_object *bo)
{
	bo->pages = kvcalloc(gpumem_object_pages(bo), sizeof(*bo->pages),
			     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	return bo->pages ? 0 : -ENOMEM;
}

/*
 * All changes of a slot. The object's lock protects it: faults, pins and lookups
 * read it under that, and a callback holds it from gpumem_object_begin_move() on.
 */
static void gpumem_mops_set_slot(struct gpumem_object *bo, pgoff_t index,
				 struct page *page)
{
	lockdep_assert_held(&bo->lock);

	bo->pages[index] = page;
}

/* Let go of a page that no slot has any more and that is locked. */
static void gpumem_mops_release_locked(struct gpumem_object *bo,
				       struct page *page)
{
	if (bo->movable)
		__ClearPageMovable(page);
	set_page_private(page, 0);
	unlock_page(page);
	/* An isolated page is freed when the kernel drops it. */
	put_page(page);
}

static void gpumem_mops_release(struct gpumem_object *bo, struct page *page)
{
	lock_page(page);
	gpumem_mops_release_locked(bo, page);
}

static void gpumem_mops_fini(struct gpumem_object *bo)
{
	pgoff_t i, n = gpumem_object_pages(bo);

	/* With the lock held no move can start, so the slots are final. */
	mutex_lock(&bo->lock);
	gpumem_object_add_resident(bo, -(long)bo->resident);
	for (i = 0; i < n; i++) {
		struct page *page = bo->pages[i];

		if (page)
			gpumem_mops_release(bo, page);
		cond_resched();
	}
	mutex_unlock(&bo->lock);
	kvfree(bo->pages);
}

static void gpumem_mops_install(struct gpumem_object *bo, struct page *page)
{
	lock_page(page);
	set_page_private(page, (unsigned long)bo);
	if (bo->movable)
		__SetPageMovable(page, &gpumem_mops_ops);
	gpumem_mops_set_slot(bo, page->index, page);
	unlock_page(page);
}

static int gpumem_mops_populate(struct gpumem_object *bo, pgoff_t first,
				pgoff_t count, unsigned int flags,
				ktime_t start)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN |
		    __GFP_RETRY_MAYFAIL;
	struct page *page, *next;
	unsigned long added = 0;
	LIST_HEAD(fresh);
	int ret = 0;
	pgoff_t i;

	lockdep_assert_held(&bo->lock);

	if (bo->movable && !(flags & GPUMEM_POPULATE_LONGTERM))
		gfp |= __GFP_MOVABLE;
	ret = gpumem_populate_begin(bo, first, count);
	if (ret)
		return ret;

	for (i = first; i < first + count; i++) {
		if (bo->pages[i])
			continue;
		ret = gpumem_populate_check(bo, i, added, flags);
		if (ret)
			break;
		page = alloc_page(gfp);
		if (!page) {
			ret = -ENOMEM;
			break;
		}
		page->index = i;
		list_add_tail(&page->lru, &fresh);
		added++;
		ret = gpumem_cold_load(bo, i, page);
		if (ret)
			break;
		cond_resched();
	}

	list_for_each_entry_safe(page, next, &fresh, lru) {
		list_del(&page->lru);
		if (ret) {
			__free_page(page);
			continue;
		}
		gpumem_mops_install(bo, page);
		if (gfp & __GFP_MOVABLE)
			gpumem_object_got_page(bo, page);
	}
	if (!ret) {
		gpumem_object_add_resident(bo, added);
		gpumem_cold_settle(bo, first, count, start);
	}
	return ret;
}

static struct page *gpumem_mops_lookup(struct gpumem_object *bo, pgoff_t index)
{
	lockdep_assert_held(&bo->lock);

	return bo->pages[index];
}

/*
 * Map resident neighbours too. They are a bonus: errors end it, quietly. The
 * window is aligned, so it lies in one page table.
 */
static void gpumem_mops_fault_around(struct gpumem_object *bo,
				     struct vm_area_struct *vma,
				     unsigned long addr, pgoff_t index)
{
	unsigned long window = GPUMEM_FAULT_AROUND * PAGE_SIZE;
	unsigned long start = max(ALIGN_DOWN(addr, window), vma->vm_start);
	unsigned long end = min(ALIGN_DOWN(addr, window) + window, vma->vm_end);
	pgoff_t i = index - ((addr - start) >> PAGE_SHIFT);

	for (; start < end; start += PAGE_SIZE, i++) {
		struct page *page = bo->pages[i];

		if (i == index || !page || PageHWPoison(page))
			continue;
		if (vmf_insert_pfn(vma, start, page_to_pfn(page)) !=
		    VM_FAULT_NOPAGE)
			break;
	}
}

static vm_fault_t gpumem_mops_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct gpumem_object *bo = to_gpumem_object(vma->vm_private_data);
	pgoff_t index = vmf->pgoff - drm_vma_node_start(&bo->base.vma_node);
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE);
	ktime_t start = ktime_get();
	vm_fault_t ret;
	int err, idx;

	if (index >= gpumem_object_pages(bo) ||
	    !drm_dev_enter(bo->base.dev, &idx))
		return VM_FAULT_SIGBUS;

	/*
	 * An error is SIGBUS for a killed task as well: one that faults inside
	 * a system call has no other way out of it.
	 */
	ret = VM_FAULT_SIGBUS;
	err = mutex_lock_killable(&bo->lock);
	if (err)
		goto out;
	gpumem_purge_touch(bo);
	if (bo->purge == GPUMEM_PURGED) {
		err = -ENODATA;
		goto out_unlock;
	}
	err = bo->pages[index] ? 0 : gpumem_mops_populate(bo, index, 1, 0, start);
	if (err)
		goto out_unlock;

	if (PageHWPoison(bo->pages[index])) {
		ret = VM_FAULT_HWPOISON;
		err = -EHWPOISON;
		goto out_unlock;
	}
	ret = vmf_insert_pfn(vma, addr, page_to_pfn(bo->pages[index]));
	if (ret != VM_FAULT_NOPAGE)
		goto out_unlock;

	gpumem_mops_fault_around(bo, vma, addr, index);
out_unlock:
	mutex_unlock(&bo->lock);
out:
	drm_dev_exit(idx);
	atomic64_inc(&gpumem_counters.faults);
	trace_gpumem_fault(bo->id, index, err);
	return ret;
}

static const struct vm_operations_struct gpumem_mops_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = gpumem_mops_fault,
};

static int gpumem_mops_mmap(struct gpumem_object *bo,
			    struct vm_area_struct *vma)
{
	/* A private copy of a PFN mapping would miss every move. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &gpumem_mops_vm_ops;
	return 0;
}

/*
 * Take the page out of every user mapping. All of them, also those made through
 * a dma-buf, are in the device's one address space, at the object's own offset.
 */
static void gpumem_mops_revoke(struct gpumem_object *bo, pgoff_t index)
{
	loff_t start = drm_vma_node_offset_addr(&bo->base.vma_node);

	unmap_mapping_range(bo->base.dev->anon_inode->i_mapping,
			    start + ((loff_t)index << PAGE_SHIFT), PAGE_SIZE, 1);
}

static bool gpumem_mops_isolate(struct page *page, isolate_mode_t mode)
{
	struct gpumem_object *bo = (void *)page_private(page);

	/* A peek saves the kernel the work; the move itself asks again. */
	if (READ_ONCE(bo->pins)) {
		atomic64_inc(&gpumem_counters.refused_pinned);
		return false;
	}
	atomic64_inc(&gpumem_counters.isolated);
	trace_gpumem_isolate(bo->id, page->index, page_to_pfn(page));
	return true;
}

static int gpumem_mops_migrate(struct page *dst, struct page *src,
			       enum migrate_mode mode)
{
	struct gpumem_object *bo = (void *)page_private(src);
	pgoff_t index = src->index;
	int ret;

	ret = gpumem_object_begin_move(bo);
	if (ret)
		goto out;

	if (PageHWPoison(src)) {
		ret = -EHWPOISON;
		goto out_end;
	}
	gpumem_mops_revoke(bo, index);
	if (copy_mc_highpage(dst, src)) {
		ret = -EHWPOISON;
		goto out_end;
	}

	/* Nothing can fail any more, so dst may be touched. */
	get_page(dst);
	set_page_private(dst, (unsigned long)bo);
	dst->index = index;
	__SetPageMovable(dst, &gpumem_mops_ops);
	gpumem_mops_set_slot(bo, index, dst);
	gpumem_object_got_page(bo, dst);

	__ClearPageMovable(src);
	set_page_private(src, 0);
	put_page(src);
out_end:
	gpumem_object_end_move(bo, ret);
out:
	trace_gpumem_migrate(bo->id, index, page_to_pfn(src), page_to_pfn(dst),
			     ret);
	return ret;
}

static long gpumem_mops_discard(struct gpumem_object *bo, bool force)
{
	pgoff_t i, n = gpumem_object_pages(bo);
	long freed = 0;

	/* PFN mappings give nobody a reference, so the slots are all users. */
	for (i = 0; i < n; i++) {
		struct page *page = bo->pages[i];

		if (!page)
			continue;
		/* Also of what has to stay: it must not be seen any more. */
		gpumem_mops_revoke(bo, i);
		if (force)
			lock_page(page);
		else if (!trylock_page(page))
			continue;
		gpumem_mops_set_slot(bo, i, NULL);
		gpumem_mops_release_locked(bo, page);
		freed++;
		cond_resched();
	}
	gpumem_object_add_resident(bo, -freed);
	return freed ?: -EAGAIN;
}

/* PFN mappings give nobody a reference, and faults wait for the object's lock. */
static int gpumem_mops_evict_begin(struct gpumem_object *bo, pgoff_t index,
				   struct gpumem_compressor *c)
{
	struct page *page = bo->pages[index];

	if (!page || PageHWPoison(page))
		return -ENOENT;
	gpumem_mops_revoke(bo, index);
	gpumem_compress(c, page);
	c->memcg = NULL;
	return 0;
}

static int gpumem_mops_evict_end(struct gpumem_object *bo, pgoff_t index,
				 bool go)
{
	struct page *page = bo->pages[index];

	if (!go || !trylock_page(page))
		return -EAGAIN;
	gpumem_mops_set_slot(bo, index, NULL);
	gpumem_mops_release_locked(bo, page);
	gpumem_object_add_resident(bo, -1);
	return 0;
}

static void gpumem_mops_age(struct gpumem_object *bo)
{
	unmap_mapping_range(bo->base.dev->anon_inode->i_mapping,
			    drm_vma_node_offset_addr(&bo->base.vma_node),
			    bo->base.size, 1);
}

/* Move a page without the kernel's help, with the object locked and the page. */
static int gpumem_mops_exchange(struct gpumem_object *bo, pgoff_t index,
				struct page *src, struct page *dst)
{
	/* Faults wait for the object's lock, so nobody writes. */
	gpumem_mops_revoke(bo, index);
	if (copy_mc_highpage(dst, src)) {
		unlock_page(src);
		return -EHWPOISON;
	}
	dst->index = index;
	gpumem_mops_install(bo, dst);
	gpumem_mops_release_locked(bo, src);
	return 0;
}

static int gpumem_mops_reback(struct gpumem_object *bo)
{
	pgoff_t i, n = gpumem_object_pages(bo);
	struct page *src, *dst;
	int ret;

	for (i = 0; i < n; i++) {
		src = bo->pages[i];
		if (!src || !gpumem_page_is_suspect(src))
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (PageHWPoison(src))
			return -EHWPOISON;
		dst = gpumem_memory_is_left(1) ?
			alloc_page(GFP_HIGHUSER | __GFP_NOWARN |
				   __GFP_RETRY_MAYFAIL) : NULL;
		if (!dst)
			return -ENOMEM;
		/*
		 * What was replaced is not told from what was not, so a new try
		 * would replace all again: better to wait for one that is locked.
		 */
		ret = folio_lock_killable(page_folio(src));
		if (!ret)
			ret = gpumem_mops_exchange(bo, i, src, dst);
		if (ret) {
			__free_page(dst);
			return ret;
		}
		gpumem_object_count_move(bo);
		trace_gpumem_migrate(bo->id, i, page_to_pfn(src),
				     page_to_pfn(dst), 0);
		cond_resched();
	}
	return 0;
}

/* What struct page has of us while a page is in a slot. */
static bool gpumem_mops_is_ours(const struct page *page)
{
	return (unsigned long)READ_ONCE(page->mapping) ==
	       ((unsigned long)&gpumem_mops_ops | PAGE_MAPPING_MOVABLE);
}

static struct gpumem_object *gpumem_mops_owner(struct page *page,
					       pgoff_t *index)
{
	/* What may be somebody else's is not locked. */
	if (!gpumem_mops_is_ours(page) || !trylock_page(page))
		return NULL;
	if (gpumem_mops_is_ours(page)) {
		*index = page->index;
		return (void *)page_private(page);
	}
	unlock_page(page);
	return NULL;
}

static int gpumem_mops_replace(struct gpumem_object *bo, pgoff_t index,
			       struct page *old, struct page *fresh)
{
	int ret;

	if (PageHWPoison(old))
		return -EHWPOISON;
	/* It may be locked for long, and our caller holds what others wait for. */
	if (bo->pages[index] != old || !trylock_page(old))
		return -EAGAIN;
	/* The slot's. */
	get_page(fresh);
	ret = gpumem_mops_exchange(bo, index, old, fresh);
	if (ret)
		put_page(fresh);
	return ret;
}

static void gpumem_mops_putback(struct page *page)
{
	struct gpumem_object *bo = (void *)page_private(page);

	atomic64_inc(&gpumem_counters.put_back);
	trace_gpumem_putback(bo->id, page->index, page_to_pfn(page));
}

static const struct movable_operations gpumem_mops_ops = {
	.isolate_page = gpumem_mops_isolate,
	.migrate_page = gpumem_mops_migrate,
	.putback_page = gpumem_mops_putback,
};

const struct gpumem_backing gpumem_mops_backing = {
	.name = "mops",
	.id = GPUMEM_BACKING_MOPS,
	.init = gpumem_mops_init,
	.fini = gpumem_mops_fini,
	.populate = gpumem_mops_populate,
	.reback = gpumem_mops_reback,
	.owner = gpumem_mops_owner,
	.replace = gpumem_mops_replace,
	.discard = gpumem_mops_discard,
	.evict_begin = gpumem_mops_evict_begin,
	.evict_end = gpumem_mops_evict_end,
	.age = gpumem_mops_age,
	.lookup = gpumem_mops_lookup,
	.mmap = gpumem_mops_mmap,
	.vmap = gpumem_object_vmap_pages,
	.vunmap = gpumem_object_vunmap_pages,
};

/* Read by tools/vm. */
MODULE_INFO(gpumem_backing, "mops");
