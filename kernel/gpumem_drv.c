// SPDX-License-Identifier: GPL-2.0
/*
 * The DRM driver: module, device and the entry points that GEM asks of a
 * driver. A device without hardware, so that movable buffers can be used and
 * tested on any machine.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

#include "gpumem_debugfs.h"
#include "gpumem_file.h"
#include "gpumem_ioctl.h"
#include "gpumem_object.h"

static bool gpumem_movable = true;
module_param_named(movable, gpumem_movable, bool, 0444);
MODULE_PARM_DESC(movable,
		 "Let the kernel move the pages of buffers (default: 1)");

static char *gpumem_backing = "gemfs";
module_param_named(backing, gpumem_backing, charp, 0444);
MODULE_PARM_DESC(backing,
		 "How pages are made movable: gemfs, or mops on kernels up to 6.16 (default: gemfs)");

static struct platform_device *gpumem_platform;
static struct drm_device *gpumem_drm;

static int gpumem_gem_open(struct drm_gem_object *obj, struct drm_file *file)
{
	return gpumem_file_open_object(file->driver_priv, obj);
}

static void gpumem_gem_close(struct drm_gem_object *obj, struct drm_file *file)
{
	gpumem_file_close_object(file->driver_priv, obj);
}

static const struct drm_gem_object_funcs gpumem_gem_funcs = {
	.free = gpumem_object_free,
	.open = gpumem_gem_open,
	.close = gpumem_gem_close,
	.pin = gpumem_object_prime_pin,
	.unpin = gpumem_object_prime_unpin,
	.get_sg_table = gpumem_object_get_sg_table,
	.vmap = gpumem_object_vmap,
	.vunmap = gpumem_object_vunmap,
	.mmap = gpumem_object_mmap,
	GPUMEM_GEM_OBJECT_STATUS(gpumem_object_status, gpumem_object_rss)
};

static struct drm_gem_object *gpumem_gem_create_object(struct drm_device *dev,
						       size_t size)
{
	struct gpumem_object *bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->base.funcs = &gpumem_gem_funcs;
	return &bo->base;
}

static struct drm_gem_object *
gpumem_gem_prime_import_sg_table(struct drm_device *dev,
				 struct dma_buf_attachment *attach,
				 struct sg_table *sgt)
{
	struct gpumem_object *bo;

	bo = gpumem_object_create_imported(dev,
					   PAGE_ALIGN(attach->dmabuf->size),
					   sgt);
	return IS_ERR(bo) ? ERR_CAST(bo) : &bo->base;
}

static int gpumem_dumb_create(struct drm_file *file, struct drm_device *dev,
			      struct drm_mode_create_dumb *args)
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

	bo = gpumem_object_create(dev, size);
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

/*
 * GEM's own helper refuses imported buffers; ours can be mapped, the exporter
 * does it.
 */
static int gpumem_dumb_map_offset(struct drm_file *file, struct drm_device *dev,
				  u32 handle, u64 *offset)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, handle);

	if (!obj)
		return -ENOENT;
	*offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return 0;
}

static int gpumem_open(struct drm_device *dev, struct drm_file *file)
{
	file->driver_priv = gpumem_file_create();
	return file->driver_priv ? 0 : -ENOMEM;
}

static void gpumem_postclose(struct drm_device *dev, struct drm_file *file)
{
	gpumem_file_destroy(file->driver_priv);
}

static const struct file_operations gpumem_fops = {
	.owner = THIS_MODULE,
	DRM_GEM_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct drm_driver gpumem_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER,
	.open = gpumem_open,
	.postclose = gpumem_postclose,
	GPUMEM_DRM_DRIVER_SHOW_FDINFO(drm_show_memory_stats)
	.gem_create_object = gpumem_gem_create_object,
	.gem_prime_import_sg_table = gpumem_gem_prime_import_sg_table,
	.dumb_create = gpumem_dumb_create,
	.dumb_map_offset = gpumem_dumb_map_offset,
	.ioctls = gpumem_ioctls,
	.num_ioctls = GPUMEM_NUM_IOCTLS,
	.fops = &gpumem_fops,
	.name = "gpumem",
	.desc = "GPU buffers with movable pages",
	GPUMEM_DRM_DRIVER_PRIME
	GPUMEM_DRM_DRIVER_DATE
	.major = 1,
	.minor = 0,
};

static int __init gpumem_init(void)
{
	int ret;

	ret = gpumem_manager_init(gpumem_backing, gpumem_movable);
	if (ret)
		return ret;

	gpumem_platform = platform_device_register_simple("gpumem", -1, NULL, 0);
	if (IS_ERR(gpumem_platform)) {
		ret = PTR_ERR(gpumem_platform);
		goto err_manager;
	}

	ret = dma_coerce_mask_and_coherent(&gpumem_platform->dev,
					   DMA_BIT_MASK(64));
	if (ret)
		goto err_platform;

	gpumem_drm = drm_dev_alloc(&gpumem_driver, &gpumem_platform->dev);
	if (IS_ERR(gpumem_drm)) {
		ret = PTR_ERR(gpumem_drm);
		goto err_platform;
	}

	ret = drm_dev_register(gpumem_drm, 0);
	if (ret)
		goto err_drm;

	gpumem_debugfs_init();
	return 0;

err_drm:
	drm_dev_put(gpumem_drm);
err_platform:
	platform_device_unregister(gpumem_platform);
err_manager:
	gpumem_manager_fini();
	return ret;
}

static void __exit gpumem_exit(void)
{
	gpumem_debugfs_fini();
	drm_dev_unregister(gpumem_drm);
	drm_dev_put(gpumem_drm);
	platform_device_unregister(gpumem_platform);
	gpumem_manager_fini();
}

module_init(gpumem_init);
module_exit(gpumem_exit);

MODULE_DESCRIPTION("GPU buffers with movable pages");
MODULE_AUTHOR("The gpumem authors");
MODULE_IMPORT_NS(GPUMEM_NS_DMA_BUF);
MODULE_LICENSE("GPL");
