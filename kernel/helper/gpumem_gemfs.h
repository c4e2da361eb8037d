/* SPDX-License-Identifier: GPL-2.0 */
/* Between the pages of the backing "gemfs" and what user space has of them. */
#ifndef _GPUMEM_GEMFS_H_
#define _GPUMEM_GEMFS_H_

#include <linux/fs.h>
#include <linux/types.h>

struct folio;
struct gpumem_compressor;
struct gpumem_object;
struct page;
struct vm_area_struct;

/* gpumem_gemfs.c */
struct folio *gpumem_gemfs_slot(struct gpumem_object *bo, pgoff_t index);
int gpumem_gemfs_populate(struct gpumem_object *bo, pgoff_t first,
			  pgoff_t count, unsigned int flags, ktime_t start);
bool gpumem_gemfs_is_safe(struct gpumem_object *bo, pgoff_t index);
void gpumem_gemfs_set_safe(struct gpumem_object *bo, pgoff_t index, bool safe);
extern const struct address_space_operations gpumem_gemfs_aops;

/* gpumem_gemfs_replace.c */
int gpumem_gemfs_reback(struct gpumem_object *bo);
struct gpumem_object *gpumem_gemfs_owner(struct page *page, pgoff_t *index);
int gpumem_gemfs_replace(struct gpumem_object *bo, pgoff_t index,
			 struct page *old, struct page *fresh);

/* gpumem_gemfs_evict.c */
int gpumem_gemfs_evict_begin(struct gpumem_object *bo, pgoff_t index,
			     struct gpumem_compressor *c);
int gpumem_gemfs_evict_end(struct gpumem_object *bo, pgoff_t index, bool go);
void gpumem_gemfs_age(struct gpumem_object *bo);

/* gpumem_gemfs_map.c */
int gpumem_gemfs_mmap(struct gpumem_object *bo, struct vm_area_struct *vma);
void gpumem_gemfs_unmap(struct gpumem_object *bo);

#endif /* _GPUMEM_GEMFS_H_ */
