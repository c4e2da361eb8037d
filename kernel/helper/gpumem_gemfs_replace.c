// SPDX-License-Identifier: GPL-2.0
/*
 * Moving folios of the backing "gemfs" without the kernel's help, which modules
 * cannot ask for: for a long pin, and for our own compaction. What a folio in a
 * slot is stands at the top of gpumem_gemfs.c.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "gpumem_gemfs.h"
#include "gpumem_internal.h"
#include "gpumem_trace.h"

/* The caller has a reference on each. */
static int gpumem_gemfs_exchange(struct gpumem_object *bo, struct folio *src,
				 struct folio *dst)
{
	struct address_space *mapping = bo->inode->i_mapping;
	pgoff_t index;
	int ret = 0;

	if (PageHWPoison(&src->page))
		return -EHWPOISON;

	/* It may be locked for long, and our caller holds what others wait for. */
	if (!folio_trylock(src))
		return -EAGAIN;
	index = src->index;
	unmap_mapping_pages(mapping, index, 1, false);
	/*
	 * One is the cache's, one our caller's. With the PTEs gone nobody gets
	 * another that lasts: get_user_pages_fast() looks at the PTE again.
	 */
	if (folio_ref_count(src) != 2) {
		ret = -EAGAIN;
		goto out_unlock;
	}
	if (copy_mc_highpage(&dst->page, &src->page)) {
		ret = -EHWPOISON;
		goto out_unlock;
	}

	/* Nothing can fail any more. */
	folio_lock(dst);
	folio_mark_uptodate(dst);
	folio_mark_dirty(dst);
	replace_page_cache_folio(src, dst);
	folio_add_lru(dst);
	folio_unlock(dst);
out_unlock:
	folio_unlock(src);
	return ret;
}

/**
 * gpumem_gemfs_reback - &gpumem_backing.reback
 * @bo: the object, locked, with its reservation
 *
 * Returns: 0, -ENOMEM, -EAGAIN, -EHWPOISON or -EINTR.
 */
int gpumem_gemfs_reback(struct gpumem_object *bo)
{
	gfp_t gfp = mapping_gfp_mask(bo->inode->i_mapping) &
		    ~(__GFP_MOVABLE | __GFP_ZERO);
	pgoff_t i, n = gpumem_object_pages(bo);
	struct folio *src, *dst;
	int ret, result = 0;

	for (i = 0; i < n; i++) {
		src = gpumem_gemfs_slot(bo, i);
		if (!src || gpumem_gemfs_is_safe(bo, i) ||
		    !gpumem_page_is_suspect(&src->page))
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		dst = gpumem_memory_is_left(1) ? folio_alloc(gfp, 0) : NULL;
		if (!dst)
			return -ENOMEM;
		folio_get(src);
		ret = gpumem_gemfs_exchange(bo, src, dst);
		if (!ret) {
			gpumem_gemfs_set_safe(bo, i, true);
			gpumem_object_count_move(bo);
			trace_gpumem_migrate(bo->id, i, folio_pfn(src),
					     folio_pfn(dst), 0);
		}
		folio_put(src);
		folio_put(dst);
		/* One page in use does not keep the others from moving. */
		if (ret == -EAGAIN)
			result = ret;
		else if (ret)
			return ret;
		cond_resched();
	}
	return result;
}

/**
 * gpumem_gemfs_owner - &gpumem_backing.owner
 * @page: anybody's page, with a reference
 * @index: receives its slot
 *
 * Returns: the object, with the page locked, or NULL.
 */
struct gpumem_object *gpumem_gemfs_owner(struct page *page, pgoff_t *index)
{
	struct folio *folio = page_folio(page);
	struct address_space *mapping;

	/* Only on the LRU are mapping and lock known to be what they seem. */
	if (!folio_test_lru(folio) || !folio_trylock(folio))
		return NULL;
	mapping = folio_test_anon(folio) ? NULL : folio->mapping;
	if (mapping && mapping->a_ops == &gpumem_gemfs_aops) {
		*index = folio->index;
		return mapping->host->i_private;
	}
	folio_unlock(folio);
	return NULL;
}

/**
 * gpumem_gemfs_replace - &gpumem_backing.replace
 * @bo: the object, after gpumem_object_begin_move()
 * @index: the slot
 * @old: the page that is to go, with a reference of the caller's
 * @fresh: the page to take its place, with a reference of the caller's
 *
 * Returns: 0, -EAGAIN or -EHWPOISON.
 */
int gpumem_gemfs_replace(struct gpumem_object *bo, pgoff_t index,
			 struct page *old, struct page *fresh)
{
	struct folio *src = page_folio(old);
	int ret;

	if (gpumem_gemfs_slot(bo, index) != src)
		return -EAGAIN;
	ret = gpumem_gemfs_exchange(bo, src, page_folio(fresh));
	if (!ret)
		gpumem_gemfs_set_safe(bo, index, false);
	return ret;
}
