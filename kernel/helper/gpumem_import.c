// SPDX-License-Identifier: GPL-2.0
/*
 * Backing of buffers that another device exported. Their pages are the
 * exporter's and it decides whether they move; a static importer that has mapped
 * the buffer keeps them where they are for as long as it is imported, one that has
 * only attached while it is mapped into the kernel, or as long if the exporter pins
 * for every attachment.
 */
#include <linux/dma-buf.h>
#include <linux/mm.h>

#include <drm/drm_prime.h>

#include "gpumem_internal.h"

static int gpumem_import_init(struct gpumem_object *bo)
{
	/* Resident by definition; not counted, it is not our memory. */
	bo->resident = gpumem_object_pages(bo);
	return 0;
}

static void gpumem_import_fini(struct gpumem_object *bo)
{
	if (bo->base.import_attach)
		drm_prime_gem_destroy(&bo->base, bo->sgt);
	dma_buf_put(bo->import);
}

static int gpumem_import_populate(struct gpumem_object *bo, pgoff_t first,
				  pgoff_t count, unsigned int flags,
				  ktime_t start)
{
	return 0;
}

static struct page *gpumem_import_lookup(struct gpumem_object *bo,
					 pgoff_t index)
{
	/* A dma-buf may have no struct pages, and they are not ours to use. */
	return NULL;
}

static int gpumem_import_mmap(struct gpumem_object *bo,
			      struct vm_area_struct *vma)
{
	int ret;

	/* The exporter may leave these as they are, and inherits neither. */
	vma->vm_private_data = NULL;
	vma->vm_ops = NULL;
	/* GEM insists on it, and not every exporter sets it. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);

	ret = dma_buf_mmap(bo->import, vma, 0);
	if (ret)
		return ret;

	/* The mapping now holds the exporter's file, which holds its buffer. */
	drm_gem_object_put(&bo->base);
	return 0;
}

static int gpumem_import_vmap(struct gpumem_object *bo, struct iosys_map *map)
{
	int ret = dma_buf_vmap(bo->import, map);

	/* Nobody here knows how to read what is not memory. */
	if (!ret && map->is_iomem) {
		dma_buf_vunmap(bo->import, map);
		ret = -EIO;
	}
	return ret;
}

static void gpumem_import_vunmap(struct gpumem_object *bo,
				 struct iosys_map *map)
{
	dma_buf_vunmap(bo->import, map);
}

const struct gpumem_backing gpumem_import_backing = {
	.name = "import",
	.init = gpumem_import_init,
	.fini = gpumem_import_fini,
	.populate = gpumem_import_populate,
	.lookup = gpumem_import_lookup,
	.mmap = gpumem_import_mmap,
	.vmap = gpumem_import_vmap,
	.vunmap = gpumem_import_vunmap,
};
