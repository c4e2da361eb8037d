// SPDX-License-Identifier: GPL-2.0
/*
 * What GEM, PRIME and the dumb-buffer ioctls ask of an object. Everything that
 * needs the pages in place pins the object first.
 */
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/iosys-map.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_mode.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "gpumem_internal.h"

/**
 * gpumem_object_page_array - all pages of an object
 * @bo: pinned object
 *
 * The lookups need the lock; the pages stay valid without it because of the pin.
 * Memory that the hardware has given up on is for no device and no kernel
 * mapping.
 *
 * Returns: an array for kvfree(), or an ERR_PTR() of -ENOMEM or -EHWPOISON.
 */
struct page **gpumem_object_page_array(struct gpumem_object *bo)
{
	pgoff_t i, n = gpumem_object_pages(bo);
	struct page **pages;
	bool poisoned = false;

	pages = kvmalloc_array(n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return ERR_PTR(-ENOMEM);

	mutex_lock(&bo->lock);
	for (i = 0; i < n; i++) {
		pages[i] = bo->backing->lookup(bo, i);
		poisoned |= PageHWPoison(pages[i]);
	}
	mutex_unlock(&bo->lock);

	if (poisoned) {
		kvfree(pages);
		return ERR_PTR(-EHWPOISON);
	}
	return pages;
}

/**
 * gpumem_object_get_sg_table - &drm_gem_object_funcs.get_sg_table
 * @obj: pinned GEM object
 *
 * Returns: a table the caller frees, or an ERR_PTR(): -ENOMEM, -EHWPOISON, or
 * -EOPNOTSUPP if the pages are another device's.
 */
struct sg_table *gpumem_object_get_sg_table(struct drm_gem_object *obj)
{
	struct gpumem_object *bo = to_gpumem_object(obj);
	struct sg_table *sgt;
	struct page **pages;

	if (bo->import)
		return ERR_PTR(-EOPNOTSUPP);
	pages = gpumem_object_page_array(bo);
	if (IS_ERR(pages))
		return ERR_CAST(pages);

	sgt = drm_prime_pages_to_sg(obj->dev, pages, gpumem_object_pages(bo));
	kvfree(pages);
	return sgt;
}
EXPORT_SYMBOL_GPL(gpumem_object_get_sg_table);

/**
 * gpumem_object_vmap_pages - map an object's pages into the kernel
 * @bo: resident and pinned object
 * @map: receives the address
 *
 * For backings that have pages of their own.
 *
 * Returns: 0, -ENOMEM or -EHWPOISON.
 */
int gpumem_object_vmap_pages(struct gpumem_object *bo, struct iosys_map *map)
{
	struct page **pages;
	void *addr;

	pages = gpumem_object_page_array(bo);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	addr = vmap(pages, gpumem_object_pages(bo), VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	if (!addr)
		return -ENOMEM;

	iosys_map_set_vaddr(map, addr);
	return 0;
}

/**
 * gpumem_object_vunmap_pages - undo gpumem_object_vmap_pages()
 * @bo: the object
 * @map: the address
 */
void gpumem_object_vunmap_pages(struct gpumem_object *bo, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

/**
 * gpumem_object_vmap - &drm_gem_object_funcs.vmap
 * @obj: GEM object
 * @map: receives the kernel address
 *
 * Pins the object until gpumem_object_vunmap(). Calls nest and share one
 * mapping.
 *
 * Returns: 0 or a negative errno.
 */
int gpumem_object_vmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	struct gpumem_object *bo = to_gpumem_object(obj);
	int ret = 0;

	mutex_lock(&bo->vmap_lock);
	if (!bo->vmap_users) {
		ret = gpumem_object_pin_unkillable(bo);
		if (ret)
			goto out;
		ret = bo->backing->vmap(bo, &bo->vmap);
		if (ret) {
			gpumem_object_unpin(bo);
			goto out;
		}
	}
	bo->vmap_users++;
	*map = bo->vmap;
out:
	mutex_unlock(&bo->vmap_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(gpumem_object_vmap);

/**
 * gpumem_object_vunmap - &drm_gem_object_funcs.vunmap
 * @obj: GEM object
 * @map: the address
 */
void gpumem_object_vunmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	struct gpumem_object *bo = to_gpumem_object(obj);

	mutex_lock(&bo->vmap_lock);
	if (!drm_WARN_ON(obj->dev, !bo->vmap_users) && !--bo->vmap_users) {
		bo->backing->vunmap(bo, &bo->vmap);
		iosys_map_clear(&bo->vmap);
		gpumem_object_unpin(bo);
	}
	mutex_unlock(&bo->vmap_lock);
}
EXPORT_SYMBOL_GPL(gpumem_object_vunmap);

/**
 * gpumem_object_mmap - &drm_gem_object_funcs.mmap
 * @obj: GEM object with a reference for the mapping
 * @vma: mapping; its offset counts from the object's fake offset
 *
 * Returns: 0 or a negative errno.
 */
int gpumem_object_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct gpumem_object *bo = to_gpumem_object(obj);

	return bo->backing->mmap(bo, vma);
}
EXPORT_SYMBOL_GPL(gpumem_object_mmap);

/**
 * gpumem_object_status - &drm_gem_object_funcs.status, for fdinfo
 * @obj: GEM object
 *
 * Returns: whether it is resident, and purgeable. Does not sleep.
 */
enum drm_gem_object_status gpumem_object_status(struct drm_gem_object *obj)
{
	struct gpumem_object *bo = to_gpumem_object(obj);
	enum drm_gem_object_status status = 0;

	if (READ_ONCE(bo->resident))
		status |= DRM_GEM_OBJECT_RESIDENT;
	if (gpumem_purge_is_allowed(bo))
		status |= DRM_GEM_OBJECT_PURGEABLE;
	return status;
}
EXPORT_SYMBOL_GPL(gpumem_object_status);

/**
 * gpumem_object_rss - &drm_gem_object_funcs.rss, for fdinfo
 * @obj: GEM object
 *
 * Returns: bytes that have memory. Does not sleep.
 */
size_t gpumem_object_rss(struct drm_gem_object *obj)
{
	struct gpumem_object *bo = to_gpumem_object(obj);

	return READ_ONCE(bo->resident) << PAGE_SHIFT;
}
EXPORT_SYMBOL_GPL(gpumem_object_rss);

const struct drm_gem_object_funcs gpumem_object_funcs = {
	GPUMEM_OBJECT_FUNCS
};
EXPORT_SYMBOL_GPL(gpumem_object_funcs);

/**
 * gpumem_prime_import_sg_table - &drm_driver.gem_prime_import_sg_table
 * @dev: importing device
 * @attach: attachment to the foreign dma-buf
 * @sgt: its mapped table; the object owns it if this succeeds
 *
 * Returns: the object with one reference, or an ERR_PTR().
 */
struct drm_gem_object *
gpumem_prime_import_sg_table(struct drm_device *dev,
			     struct dma_buf_attachment *attach,
			     struct sg_table *sgt)
{
	struct gpumem_object *bo;

	bo = gpumem_object_create_imported(dev,
					   PAGE_ALIGN(attach->dmabuf->size),
					   attach->dmabuf, sgt);
	return IS_ERR(bo) ? ERR_CAST(bo) : &bo->base;
}
EXPORT_SYMBOL_GPL(gpumem_prime_import_sg_table);

/**
 * gpumem_dumb_create_config - a dumb buffer with a driver's own configuration
 * @file: DRM file
 * @dev: DRM device
 * @args: as for &drm_driver.dumb_create
 * @config: as for gpumem_object_create()
 *
 * Returns: 0, -EINVAL for a size that overflows or for flags, or an error of
 * gpumem_object_create().
 */
int gpumem_dumb_create_config(struct drm_file *file, struct drm_device *dev,
			      struct drm_mode_create_dumb *args,
			      const struct gpumem_config *config)
{
	struct gpumem_object *bo;
	u64 pitch, size;
	int ret;

	if (args->flags)
		return -EINVAL;
	/* 64 bytes: what display and GPU blocks commonly ask of a row. */
	pitch = ALIGN((u64)args->width * DIV_ROUND_UP(args->bpp, 8), 64);
	if (pitch > U32_MAX || check_mul_overflow(pitch, args->height, &size) ||
	    size > SIZE_MAX - (PAGE_SIZE - 1))
		return -EINVAL;
	size = PAGE_ALIGN(size);

	bo = gpumem_object_create(dev, size, config);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = drm_gem_handle_create(file, &bo->base, &args->handle);
	drm_gem_object_put(&bo->base);
	if (ret)
		return ret;

	args->pitch = pitch;
	args->size = size;
	return 0;
}
EXPORT_SYMBOL_GPL(gpumem_dumb_create_config);

/**
 * gpumem_dumb_create - &drm_driver.dumb_create
 * @file: DRM file
 * @dev: DRM device
 * @args: the ioctl's arguments
 *
 * Returns: as gpumem_dumb_create_config().
 */
int gpumem_dumb_create(struct drm_file *file, struct drm_device *dev,
		       struct drm_mode_create_dumb *args)
{
	return gpumem_dumb_create_config(file, dev, args, NULL);
}
EXPORT_SYMBOL_GPL(gpumem_dumb_create);

/**
 * gpumem_dumb_map_offset - &drm_driver.dumb_map_offset
 * @file: DRM file
 * @dev: DRM device
 * @handle: GEM handle
 * @offset: receives the offset for mmap()
 *
 * GEM's own helper refuses imported buffers; ours can be mapped, the exporter
 * does it.
 *
 * Returns: 0 or -ENOENT.
 */
int gpumem_dumb_map_offset(struct drm_file *file, struct drm_device *dev,
			   u32 handle, u64 *offset)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, handle);

	if (!obj)
		return -ENOENT;
	*offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return 0;
}
EXPORT_SYMBOL_GPL(gpumem_dumb_map_offset);
