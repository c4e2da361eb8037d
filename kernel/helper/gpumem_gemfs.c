// SPDX-License-Identifier: GPL-2.0
/*
 * Backing "gemfs": every object has an inode of a pseudo file system, and its
 * pages are folios in that inode's page cache, on the LRU. The kernel finds and
 * moves them as it moves the pages of any file: its reverse map replaces user
 * PTEs by migration entries and puts them back, get_user_pages() works, and
 * memory cgroups are charged. What is ours is the decision, in migrate_folio.
 * This file has the pages, gpumem_gemfs_replace.c how we move them ourselves;
 * gpumem_gemfs_map.c has what user space maps.
 *
 * A pin takes no reference on any page, so these must hold:
 *
 *   - A folio is dirty from before it can be mapped until it is freed, and
 *     nothing writes it back: it is never dropped as a clean one, except by our
 *     discard and evict, which clean those of an object without pins for that
 *     purpose.
 *   - The mapping is unevictable: reclaim does not look at it.
 *   - The inode is not S_IFREG, and the file that user space maps has a path to
 *     another inode: nobody can open, truncate or punch it.
 *   - address_space_operations has no error_remove_folio: a poisoned page stays
 *     in its slot.
 *
 * Then only our migrate_folio, replace, discard and evict and the freeing of the object
 * take a folio out of a slot. All but the last look at the pin count under
 * gpumem_object.lock, the last happens when nobody can hold a pin. A folio that
 * the kernel has isolated or unmapped at the time of a pin is refused by
 * migrate_folio and put back.
 *
 * While a folio is in a slot
 *
 *   folio->mapping  the inode's, changed only under the folio lock
 *   PG_uptodate     set once the populate that made the folio cannot fail any
 *                   more; no mapping is made of a folio without it
 *   references      one of the cache, one for each PTE. Anything more is
 *                   somebody's who must not lose the page (direct I/O, a pipe):
 *                   migrate_folio() refuses then.
 *
 * What keeps the object alive in the callback: the folio lock. The folio is in a
 * slot and locked, and freeing waits for the lock of each folio in the cache;
 * after a move the copy is there and stays locked until the kernel is done.
 *
 * No memory is allocated while a folio of ours is locked by us.
 *
 * With movable=0 folios are allocated from unmovable memory and migrate_folio
 * refuses always.
 */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/gfp.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/signal.h>
#include <linux/writeback.h>

#include <drm/gpumem_drm.h>

#include "gpumem_cold.h"
#include "gpumem_gemfs.h"
#include "gpumem_internal.h"
#include "gpumem_trace.h"

#define GPUMEM_GEMFS_MAGIC	0x67656d66	/* "gemf" */

/*
 * Mark of a slot whose folio was allocated for a long pin. The kernel uses this
 * one for write-back, of which there is none here.
 */
#define GPUMEM_GEMFS_SAFE	PAGECACHE_TAG_TOWRITE

static struct vfsmount *gpumem_gemfs_mnt;

static int gpumem_gemfs_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, GPUMEM_GEMFS_MAGIC) ? 0 : -ENOMEM;
}

/*
 * No owner: a superblock would hold the module, and our mount lives as long as
 * the module does. All inodes are gone before it, for whatever holds an object
 * holds the module as well.
 */
static struct file_system_type gpumem_gemfs_type = {
	.name = "gpumem",
	.init_fs_context = gpumem_gemfs_init_fs_context,
	.kill_sb = kill_anon_super,
};

static int gpumem_gemfs_load(void)
{
	gpumem_gemfs_mnt = kern_mount(&gpumem_gemfs_type);
	return PTR_ERR_OR_ZERO(gpumem_gemfs_mnt);
}

static void gpumem_gemfs_unload(void)
{
	kern_unmount(gpumem_gemfs_mnt);
}

/**
 * gpumem_gemfs_is_safe - was a folio allocated for a long pin?
 * @bo: the object
 * @index: its slot
 *
 * Returns: true if a long pin may hold it wherever it is.
 */
bool gpumem_gemfs_is_safe(struct gpumem_object *bo, pgoff_t index)
{
	return xa_get_mark(&bo->inode->i_mapping->i_pages, index,
			   GPUMEM_GEMFS_SAFE);
}

/**
 * gpumem_gemfs_set_safe - another folio is in a slot
 * @bo: the object, locked
 * @index: the slot
 * @safe: the folio was allocated for a long pin
 */
void gpumem_gemfs_set_safe(struct gpumem_object *bo, pgoff_t index, bool safe)
{
	struct xarray *slots = &bo->inode->i_mapping->i_pages;

	lockdep_assert_held(&bo->lock);

	if (safe == gpumem_gemfs_is_safe(bo, index))
		return;
	xa_lock_irq(slots);
	if (safe)
		__xa_set_mark(slots, index, GPUMEM_GEMFS_SAFE);
	else
		__xa_clear_mark(slots, index, GPUMEM_GEMFS_SAFE);
	xa_unlock_irq(slots);
}

static int gpumem_gemfs_migrate_folio(struct address_space *mapping,
				      struct folio *dst, struct folio *src,
				      enum migrate_mode mode)
{
	struct gpumem_object *bo = mapping->host->i_private;
	pgoff_t index = src->index;
	int ret;

	ret = gpumem_object_begin_move(bo);
	if (!ret) {
		ret = migrate_folio(mapping, dst, src, mode);
		if (!ret) {
			/* The kernel chose the memory. */
			gpumem_gemfs_set_safe(bo, index, false);
			gpumem_object_got_page(bo, &dst->page);
		}
		gpumem_object_end_move(bo, ret);
	}
	trace_gpumem_migrate(bo->id, index, folio_pfn(src), folio_pfn(dst),
			     ret);
	return ret;
}

/* Also the mark by which gpumem_gemfs_owner() knows what is ours. */
const struct address_space_operations gpumem_gemfs_aops = {
	.dirty_folio = noop_dirty_folio,
	.migrate_folio = gpumem_gemfs_migrate_folio,
};

static int gpumem_gemfs_refuse_folio(struct address_space *mapping,
				     struct folio *dst, struct folio *src,
				     enum migrate_mode mode)
{
	return -EBUSY;
}

static const struct address_space_operations gpumem_gemfs_unmovable_aops = {
	.dirty_folio = noop_dirty_folio,
	.migrate_folio = gpumem_gemfs_refuse_folio,
};

static int gpumem_gemfs_init(struct gpumem_object *bo)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN |
		    __GFP_RETRY_MAYFAIL;
	struct address_space *mapping;
	struct inode *inode;

	inode = alloc_anon_inode(gpumem_gemfs_mnt->mnt_sb);
	if (IS_ERR(inode))
		return PTR_ERR(inode);

	/* Later kernels make it a regular one. */
	inode->i_mode &= ~S_IFMT;
	inode->i_private = bo;
	inode->i_size = bo->base.size;

	mapping = inode->i_mapping;
	mapping_set_unevictable(mapping);
	if (bo->movable) {
		mapping->a_ops = &gpumem_gemfs_aops;
		gfp |= __GFP_MOVABLE;
	} else {
		mapping->a_ops = &gpumem_gemfs_unmovable_aops;
		mapping_set_inaccessible(mapping);
	}
	mapping_set_gfp_mask(mapping, gfp);

	bo->inode = inode;
	return 0;
}

static void gpumem_gemfs_fini(struct gpumem_object *bo)
{
	/* No mapping is left: each one holds the file, which holds the object. */
	mutex_lock(&bo->lock);
	gpumem_object_add_resident(bo, -(long)bo->resident);
	truncate_inode_pages_final(bo->inode->i_mapping);
	mutex_unlock(&bo->lock);
	iput(bo->inode);
}

/**
 * gpumem_gemfs_slot - what is in a slot
 * @bo: the object, locked
 * @index: the slot
 *
 * Returns: the folio without a reference, or NULL.
 */
struct folio *gpumem_gemfs_slot(struct gpumem_object *bo, pgoff_t index)
{
	lockdep_assert_held(&bo->lock);

	/* Under the lock a slot does not change, so no reference is needed. */
	return xa_load(&bo->inode->i_mapping->i_pages, index);
}

static struct page *gpumem_gemfs_lookup(struct gpumem_object *bo, pgoff_t index)
{
	struct folio *folio = gpumem_gemfs_slot(bo, index);

	return folio ? folio_file_page(folio, index) : NULL;
}

/*
 * The end of a populate. Folios that it added are not uptodate yet, so nobody
 * has mapped them and they can still be taken back.
 */
static void gpumem_gemfs_commit(struct gpumem_object *bo, pgoff_t first,
				pgoff_t count, bool keep)
{
	struct address_space *mapping = bo->inode->i_mapping;
	struct folio *folio;
	pgoff_t i;

	for (i = first; i < first + count; i++) {
		folio = gpumem_gemfs_slot(bo, i);
		if (folio_test_uptodate(folio))
			continue;
		if (keep)
			folio_mark_uptodate(folio);
		else
			truncate_inode_pages_range(mapping,
						   (loff_t)i << PAGE_SHIFT,
						   ((loff_t)i << PAGE_SHIFT) +
						   PAGE_SIZE - 1);
		cond_resched();
	}
}

/**
 * gpumem_gemfs_populate - &gpumem_backing.populate
 * @bo: the object, locked
 * @first: first slot
 * @count: number of slots
 * @flags: GPUMEM_POPULATE_*
 * @start: since when somebody waits for it
 *
 * Returns: 0, -ENOMEM, -EINTR when the task is being killed, or -EIO if a page in the
 * compressed store is damaged.
 */
int gpumem_gemfs_populate(struct gpumem_object *bo, pgoff_t first,
			  pgoff_t count, unsigned int flags, ktime_t start)
{
	struct address_space *mapping = bo->inode->i_mapping;
	gfp_t gfp = mapping_gfp_mask(mapping);
	unsigned long added = 0;
	struct folio *folio;
	int ret = 0;
	pgoff_t i;

	lockdep_assert_held(&bo->lock);

	if (flags & GPUMEM_POPULATE_LONGTERM)
		gfp &= ~__GFP_MOVABLE;
	ret = gpumem_populate_begin(bo, first, count);
	if (ret)
		return ret;

	for (i = first; i < first + count; i++) {
		ret = gpumem_populate_check(bo, i, added, flags);
		if (ret)
			break;
		folio = __filemap_get_folio(mapping, i, FGP_LOCK | FGP_CREAT,
					    gfp);
		if (IS_ERR(folio)) {
			ret = PTR_ERR(folio);
			break;
		}
		if (!folio_test_uptodate(folio)) {
			ret = gpumem_cold_load(bo, i, &folio->page);
			folio_mark_dirty(folio);
			if (flags & GPUMEM_POPULATE_LONGTERM)
				gpumem_gemfs_set_safe(bo, i, true);
			else if (gfp & __GFP_MOVABLE)
				gpumem_object_got_page(bo, &folio->page);
			added++;
		}
		folio_unlock(folio);
		folio_put(folio);
		cond_resched();
		if (ret) {
			/* This one goes as well. */
			i++;
			break;
		}
	}

	if (added)
		gpumem_gemfs_commit(bo, first, i - first, !ret);
	if (!ret) {
		gpumem_object_add_resident(bo, added);
		gpumem_cold_settle(bo, first, count, start);
	}
	return ret;
}

static unsigned long gpumem_gemfs_count(struct gpumem_object *bo)
{
	struct address_space *mapping = bo->inode->i_mapping;

	lockdep_assert_held(&bo->lock);

	return READ_ONCE(mapping->nrpages);
}

/*
 * Are the cache and, with @mapped, PTEs the only users of every folio? Nobody can
 * become one by a new mapping: faults wait for the object's lock, and those that
 * are past that wait for the folio lock or find the page gone.
 */
static bool gpumem_gemfs_unused(struct gpumem_object *bo, bool mapped)
{
	pgoff_t i, n = gpumem_object_pages(bo);
	struct folio *folio;
	bool unused;

	for (i = 0; i < n; i++) {
		folio = gpumem_gemfs_slot(bo, i);
		if (!folio)
			continue;
		if (!folio_trylock(folio))
			return false;
		unused = folio_ref_count(folio) ==
			 1 + (mapped ? gpumem_folio_mapcount(folio) : 0);
		folio_unlock(folio);
		if (!unused)
			return false;
		cond_resched();
	}
	return true;
}

static long gpumem_gemfs_discard(struct gpumem_object *bo, bool force)
{
	struct address_space *mapping = bo->inode->i_mapping;
	pgoff_t i, n = gpumem_object_pages(bo);
	unsigned long before, freed;
	struct folio *folio;

	/* Spares the mappings of an object that has to stay anyway. */
	if (!force && !gpumem_gemfs_unused(bo, true))
		return -EAGAIN;

	before = gpumem_gemfs_count(bo);
	unmap_mapping_pages(mapping, 0, n, false);
	if (force) {
		truncate_inode_pages(mapping, 0);
	} else {
		if (!gpumem_gemfs_unused(bo, false))
			return -EAGAIN;
		/*
		 * The kernel drops clean folios that nobody uses, and freezes
		 * the references to be sure. It skips what is locked.
		 */
		for (i = 0; i < n; i++) {
			folio = gpumem_gemfs_slot(bo, i);
			if (folio)
				folio_clear_dirty(folio);
			cond_resched();
		}
		invalidate_mapping_pages(mapping, 0, -1);
		for (i = 0; i < n; i++) {
			folio = gpumem_gemfs_slot(bo, i);
			if (folio)
				folio_mark_dirty(folio);
			cond_resched();
		}
	}

	freed = before - gpumem_gemfs_count(bo);
	gpumem_object_add_resident(bo, -(long)freed);
	return freed ?: -EAGAIN;
}

static void gpumem_gemfs_set_pinned(struct gpumem_object *bo, bool pinned)
{
	struct address_space *mapping = bo->inode->i_mapping;

	if (!bo->movable)
		return;

	/*
	 * Saves compaction the work of taking pages aside, and all mappings of
	 * them their PTEs, only to be refused.
	 */
	if (pinned)
		mapping_set_inaccessible(mapping);
	else
		gpumem_mapping_clear_inaccessible(mapping);
}

const struct gpumem_backing gpumem_gemfs_backing = {
	.name = "gemfs",
	.id = GPUMEM_BACKING_GEMFS,
	.load = gpumem_gemfs_load,
	.unload = gpumem_gemfs_unload,
	.init = gpumem_gemfs_init,
	.fini = gpumem_gemfs_fini,
	.populate = gpumem_gemfs_populate,
	.reback = gpumem_gemfs_reback,
	.owner = gpumem_gemfs_owner,
	.replace = gpumem_gemfs_replace,
	.discard = gpumem_gemfs_discard,
	.evict_begin = gpumem_gemfs_evict_begin,
	.evict_end = gpumem_gemfs_evict_end,
	.age = gpumem_gemfs_age,
	.set_pinned = gpumem_gemfs_set_pinned,
	.lookup = gpumem_gemfs_lookup,
	.mmap = gpumem_gemfs_mmap,
	.unmap = gpumem_gemfs_unmap,
	.vmap = gpumem_object_vmap_pages,
	.vunmap = gpumem_object_vunmap_pages,
};

/* Read by tools/vm. */
MODULE_INFO(gpumem_backing, "gemfs");
