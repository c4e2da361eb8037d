// SPDX-License-Identifier: GPL-2.0
/*
 * Backing "gemfs": giving up pages whose contents are kept elsewhere. What a page
 * in a slot is stands at the top of gpumem_gemfs.c, the steps at the top of
 * gpumem_cold.c.
 *
 * Between the two steps the folio is not locked, since memory is allocated there.
 * It has been made clean: whoever writes to it meanwhile makes it dirty, by a
 * fault or when a mapping or a reference for writing goes, and whoever still may
 * write holds a reference. The kernel drops a clean folio without other users, and
 * nothing else, so what it drops is what was compressed. A reference of ours keeps
 * it from doing so, as soft-offlining would have it, before the store has the
 * contents.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "../compat/gpumem_compat_mm.h"
#include "../store/gpumem_store.h"
#include "gpumem_gemfs.h"
#include "gpumem_internal.h"

static struct mem_cgroup *gpumem_gemfs_get_memcg(struct folio *folio)
{
	struct mem_cgroup *memcg;

	rcu_read_lock();
	memcg = folio_memcg(folio);
	if (!gpumem_memcg_tryget(memcg))
		memcg = NULL;
	rcu_read_unlock();
	return memcg;
}

/**
 * gpumem_gemfs_evict_begin - &gpumem_backing.evict_begin
 * @bo: the object, locked
 * @index: the slot
 * @c: receives what was in it
 *
 * Returns: 0, -ENOENT, or -EAGAIN.
 */
int gpumem_gemfs_evict_begin(struct gpumem_object *bo, pgoff_t index,
			     struct gpumem_compressor *c)
{
	struct folio *folio = gpumem_gemfs_slot(bo, index);
	int ret = -EAGAIN;

	if (!folio)
		return -ENOENT;
	if (!folio_trylock(folio))
		return -EAGAIN;
	if (PageHWPoison(&folio->page)) {
		ret = -ENOENT;
		goto out_unlock;
	}
	/* Spares the mappings of a page that has to stay anyway. */
	if (folio_ref_count(folio) != 1 + gpumem_folio_mapcount(folio))
		goto out_unlock;
	/* Nobody maps a locked folio. */
	if (gpumem_folio_mapcount(folio))
		unmap_mapping_pages(bo->inode->i_mapping, index, 1, false);
	/* Only the cache's is left, and without PTEs nobody gets one that lasts. */
	if (folio_ref_count(folio) != 1)
		goto out_unlock;

	gpumem_compress(c, &folio->page);
	c->memcg = gpumem_gemfs_get_memcg(folio);
	folio_clear_dirty(folio);
	/* Until the second step. */
	folio_get(folio);
	ret = 0;
out_unlock:
	folio_unlock(folio);
	return ret;
}

/**
 * gpumem_gemfs_evict_end - &gpumem_backing.evict_end
 * @bo: the object, locked
 * @index: the slot
 * @go: false if the page has to stay
 *
 * Returns: 0 if the page is gone, or -EAGAIN.
 */
int gpumem_gemfs_evict_end(struct gpumem_object *bo, pgoff_t index, bool go)
{
	struct address_space *mapping = bo->inode->i_mapping;
	struct folio *folio = gpumem_gemfs_slot(bo, index);

	if (go) {
		folio_put(folio);
		invalidate_mapping_pages(mapping, index, index);
		/* With a reference again, as it may be clean. */
		folio = gpumem_get_folio(mapping, index);
		if (!folio) {
			gpumem_object_add_resident(bo, -1);
			return 0;
		}
	}
	folio_mark_dirty(folio);
	folio_put(folio);
	return -EAGAIN;
}

/**
 * gpumem_gemfs_age - &gpumem_backing.age
 * @bo: the object, locked
 */
void gpumem_gemfs_age(struct gpumem_object *bo)
{
	unmap_mapping_pages(bo->inode->i_mapping, 0, gpumem_object_pages(bo),
			    false);
}
