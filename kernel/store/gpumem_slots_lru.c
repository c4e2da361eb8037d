// SPDX-License-Identifier: GPL-2.0
/*
 * Store pages that are folios in the page cache of one inode, on the LRU, where
 * every kernel finds them and asks migrate_folio for them.
 *
 * The inode is a regular file's, as the kernel removes a single folio only from
 * such a one. Nobody can open it: it has no name, no file, and nothing in it is
 * ever mapped to user space; it refuses to be changed all the same.
 *
 * A callback runs with the folio locked and in the cache, and a folio leaves the
 * cache under its lock, so a callback always finds its descriptor.
 *
 * An emptied folio is removed from the cache in the callback, which then answers
 * that it moved: the kernel frees it, and what it had offered as well, since
 * nobody took that. As it puts it on the LRU on the way, it has to be charged to a
 * memory cgroup, and gets the charge of the folio that goes.
 */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/xarray.h>

#include "gpumem_pool.h"
#include "gpumem_slots.h"

#define GPUMEM_STORE_MAGIC	0x67656d73	/* "gems" */

static struct vfsmount *gpumem_store_mnt;
static struct inode *gpumem_store_inode;
/* Descriptors by index; one is found while its folio is locked and in the cache. */
static DEFINE_XARRAY_ALLOC(gpumem_slots_by_index);

static int gpumem_store_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, GPUMEM_STORE_MAGIC) ? 0 : -ENOMEM;
}

/* No owner, as gpumem_gemfs_type. */
static struct file_system_type gpumem_store_type = {
	.name = "gpumem_store",
	.init_fs_context = gpumem_store_init_fs_context,
	.kill_sb = kill_anon_super,
};

static int gpumem_store_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
				struct iattr *attr)
{
	return -EPERM;
}

static const struct inode_operations gpumem_store_iops = {
	.setattr = gpumem_store_setattr,
};

static int gpumem_slots_lru_move(struct address_space *mapping,
				 struct folio *dst, struct folio *src,
				 enum migrate_mode mode)
{
	struct gpumem_slot_page *sp = xa_load(&gpumem_slots_by_index, src->index);
	int ret = -EAGAIN;

	if (WARN_ON_ONCE(!sp))
		return -EBUSY;

	switch (gpumem_slots_begin_move(sp, &dst->page)) {
	case GPUMEM_SLOT_MOVE_PAGE:
		ret = migrate_folio(mapping, dst, src, mode);
		gpumem_slots_end_move(sp, ret ? NULL : &dst->page);
		break;
	case GPUMEM_SLOT_MOVE_EMPTIED:
		/* The index is free for others once the cache has nothing there. */
		WARN_ON_ONCE(generic_error_remove_folio(mapping, src));
		xa_erase(&gpumem_slots_by_index, sp->index);
		folio_migrate_flags(dst, src);
		gpumem_slots_gone(sp);
		ret = 0;
		break;
	case GPUMEM_SLOT_MOVE_LATER:
		break;
	}
	return ret;
}

static int gpumem_slots_lru_migrate(struct address_space *mapping,
				    struct folio *dst, struct folio *src,
				    enum migrate_mode mode)
{
	int ret;

	gpumem_slots_callback_begin();
	/* As gpumem_object_begin_move(). */
	fs_reclaim_acquire(GFP_KERNEL);
	ret = gpumem_slots_lru_move(mapping, dst, src, mode);
	fs_reclaim_release(GFP_KERNEL);
	gpumem_slots_callback_end();
	return ret;
}

static const struct address_space_operations gpumem_store_aops = {
	.dirty_folio = noop_dirty_folio,
	.migrate_folio = gpumem_slots_lru_migrate,
};

static int gpumem_slots_lru_load(void)
{
	struct inode *inode;

	gpumem_store_mnt = kern_mount(&gpumem_store_type);
	if (IS_ERR(gpumem_store_mnt))
		return PTR_ERR(gpumem_store_mnt);
	inode = alloc_anon_inode(gpumem_store_mnt->mnt_sb);
	if (IS_ERR(inode)) {
		kern_unmount(gpumem_store_mnt);
		return PTR_ERR(inode);
	}
	inode->i_mode = S_IFREG;
	inode->i_op = &gpumem_store_iops;
	inode->i_size = MAX_LFS_FILESIZE;
	inode->i_mapping->a_ops = &gpumem_store_aops;
	mapping_set_unevictable(inode->i_mapping);
	gpumem_store_inode = inode;
	return 0;
}

static void gpumem_slots_lru_unload(void)
{
	iput(gpumem_store_inode);
	kern_unmount(gpumem_store_mnt);
	xa_destroy(&gpumem_slots_by_index);
}

static int gpumem_slots_lru_alloc(struct gpumem_slot_page *sp, gfp_t gfp)
{
	struct address_space *mapping = gpumem_store_inode->i_mapping;
	/* The cache charges what it is given by itself. */
	gfp_t plain = gfp & ~__GFP_ACCOUNT;
	struct folio *folio;
	int ret;

	folio = folio_alloc(plain | __GFP_HIGHMEM | __GFP_MOVABLE, 0);
	if (!folio)
		return -ENOMEM;
	sp->page = &folio->page;
	ret = xa_alloc(&gpumem_slots_by_index, &sp->index, sp, xa_limit_31b, plain);
	if (ret)
		goto err_put;
	ret = filemap_add_folio(mapping, folio, sp->index, plain);
	if (ret)
		goto err_erase;
	/* Locked since it is in the cache. */
	folio_mark_uptodate(folio);
	folio_mark_dirty(folio);
	folio_unlock(folio);
	/* The cache's reference is the one that stays. */
	folio_put(folio);
	return 0;

err_erase:
	xa_erase(&gpumem_slots_by_index, sp->index);
err_put:
	folio_put(folio);
	return -ENOMEM;
}

static bool gpumem_slots_lru_free(struct gpumem_slot_page *sp, bool wait)
{
	struct folio *folio = page_folio(sp->page);

	if (wait)
		folio_lock(folio);
	else if (!folio_trylock(folio))
		return false;
	folio_get(folio);
	WARN_ON_ONCE(generic_error_remove_folio(folio->mapping, folio));
	xa_erase(&gpumem_slots_by_index, sp->index);
	folio_unlock(folio);
	folio_put(folio);
	return true;
}

const struct gpumem_slot_pages gpumem_slot_pages_lru = {
	.load = gpumem_slots_lru_load,
	.unload = gpumem_slots_lru_unload,
	.alloc = gpumem_slots_lru_alloc,
	.free = gpumem_slots_lru_free,
};
