/* SPDX-License-Identifier: GPL-2.0 */
/* Memory management: files, mappings, folios and VMAs. */
#ifndef _GPUMEM_COMPAT_MM_H_
#define _GPUMEM_COMPAT_MM_H_

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>

/* From 6.12 on a mapping can say that its pages do not move. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
static inline void mapping_set_inaccessible(struct address_space *mapping)
{
}

static inline void
gpumem_mapping_clear_inaccessible(struct address_space *mapping)
{
}
#else
static inline void
gpumem_mapping_clear_inaccessible(struct address_space *mapping)
{
	/* The kernel can set it only. It does not touch AS_UNEVICTABLE. */
	clear_bit(AS_INACCESSIBLE, &mapping->flags);
}
#endif

/* Before 6.3 flags of a VMA are changed directly, and folios are not ERR_PTR(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline struct folio *
gpumem_filemap_get_folio(struct address_space *mapping, pgoff_t index,
			 int fgp_flags, gfp_t gfp)
{
	struct folio *folio = __filemap_get_folio(mapping, index, fgp_flags,
						  gfp);

	if (folio)
		return folio;
	return ERR_PTR(fgp_flags & FGP_CREAT ? -ENOMEM : -ENOENT);
}

#define __filemap_get_folio	gpumem_filemap_get_folio
#endif

/* Before 6.3 the ids of a mount are mapped by a user namespace. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap	user_namespace
#endif

/* mem_cgroup_tryget(), which came and changed between 6.1 and 6.12. */
#include <linux/memcontrol.h>

static inline bool gpumem_memcg_tryget(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	return !memcg || css_tryget(&memcg->css);
#else
	return true;
#endif
}

/* Before 6.8 a page is removed for an error, not a folio. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline int generic_error_remove_folio(struct address_space *mapping,
					     struct folio *folio)
{
	return generic_error_remove_page(mapping, &folio->page);
}
#endif

/* Before 6.3 the page cache replaces pages. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void replace_page_cache_folio(struct folio *old,
					    struct folio *new)
{
	replace_page_cache_page(&old->page, &new->page);
}
#endif

/* A folio of the page cache with a reference, or NULL. Before 6.4 it was so. */
static inline struct folio *gpumem_get_folio(struct address_space *mapping,
					     pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);

	return IS_ERR(folio) ? NULL : folio;
}

/*
 * Let go of a reference on a folio, and of those that batches of this CPU hold.
 * No kernel exports lru_add_drain(), but all call it here.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#include <linux/pagevec.h>

static inline void gpumem_put_and_drain_local_lru(struct folio *folio)
{
	struct pagevec batch;

	pagevec_init(&batch);
	pagevec_add(&batch, &folio->page);
	__pagevec_release(&batch);
}
#else
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#include <linux/pagevec.h>
#else
#include <linux/folio_batch.h>
#endif

static inline void gpumem_put_and_drain_local_lru(struct folio *folio)
{
	struct folio_batch batch;

	folio_batch_init(&batch);
	folio_batch_add(&batch, folio);
	folio_batch_release(&batch);
}
#endif

/* Before 6.4 a copy that meets bad memory is a machine check. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline int copy_mc_highpage(struct page *to, struct page *from)
{
	copy_highpage(to, from);
	return 0;
}
#endif

/*
 * PTEs that map a folio of one page. What the kernel has for it was not for
 * modules before it became an inline function.
 */
static inline int gpumem_folio_mapcount(struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return atomic_read(&folio->_mapcount) + 1;
#else
	return folio_mapcount(folio);
#endif
}

/* Files are freed by RCU itself before 6.7, not only reused. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct file *get_file_active(struct file **where)
{
	struct file *file;

	rcu_read_lock();
	file = READ_ONCE(*where);
	if (file && !get_file_rcu(file))
		file = NULL;
	rcu_read_unlock();
	return file;
}
#endif

/* What a contiguous range is for became a set of flags in 6.17. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/mmzone.h>
#define GPUMEM_CONTIG_PLAIN	MIGRATE_MOVABLE
#else
#define GPUMEM_CONTIG_PLAIN	ACR_FLAGS_NONE
#endif
/* A macro: only tests call it, and not every kernel's configuration has it. */
#define gpumem_alloc_contig_range(first, end) \
	alloc_contig_range(first, end, GPUMEM_CONTIG_PLAIN, GFP_KERNEL)

#endif /* _GPUMEM_COMPAT_MM_H_ */
