// SPDX-License-Identifier: GPL-2.0
/*
 * The DRM driver: module, device and the entry points that GEM asks of a
 * driver. A device without hardware, so that movable buffers can be used and
 * tested on any machine.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>
#include <drm/gpumem_helper.h>

#include "gpumem_file.h"
#include "gpumem_ioctl.h"

static bool gpumem_movable = true;
module_param_named(movable, gpumem_movable, bool, 0444);
MODULE_PARM_DESC(movable,
		 "Let the kernel move the pages of buffers (default: 1)");

static char *gpumem_backing = "gemfs";
module_param_named(backing, gpumem_backing, charp, 0444);
MODULE_PARM_DESC(backing,
		 "How pages are made movable: gemfs, or mops on kernels up to 6.15 (default: gemfs)");

struct gpumem_config gpumem_config;

static struct platform_device *gpumem_platform;

static int gpumem_gem_open(struct drm_gem_object *obj, struct drm_file *file)
{
	return gpumem_file_open_object(file->driver_priv, obj);
}

static void gpumem_gem_close(struct drm_gem_object *obj, struct drm_file *file)
{
	gpumem_file_close_object(file->driver_priv, obj);
}

static const struct drm_gem_object_funcs gpumem_gem_funcs = {
	GPUMEM_OBJECT_FUNCS
	.open = gpumem_gem_open,
	.close = gpumem_gem_close,
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

static int gpumem_drv_dumb_create(struct drm_file *file,
				  struct drm_device *dev,
				  struct drm_mode_create_dumb *args)
{
	return gpumem_dumb_create_config(file, dev, args, &gpumem_config);
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
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.open = gpumem_open,
	.postclose = gpumem_postclose,
	GPUMEM_DRM_DRIVER_SHOW_FDINFO(drm_show_memory_stats)
	.gem_create_object = gpumem_gem_create_object,
	GPUMEM_DRM_DRIVER_PRIME
	.gem_prime_import = gpumem_prime_import,
	.gem_prime_import_sg_table = gpumem_prime_import_sg_table,
	.dumb_create = gpumem_drv_dumb_create,
	.dumb_map_offset = gpumem_dumb_map_offset,
	.ioctls = gpumem_ioctls,
	.num_ioctls = GPUMEM_NUM_IOCTLS,
	.fops = &gpumem_fops,
	.name = "gpumem",
	.desc = "GPU buffers with movable pages",
	GPUMEM_DRM_DRIVER_DATE
	.major = 1,
	.minor = 0,
};

static void gpumem_unplug(void *data)
{
	struct drm_device *dev = data;

	gpumem_device_unplug(dev);
	drm_dev_put(dev);
}

static int gpumem_probe(struct platform_device *platform)
{
	struct drm_device *dev;
	int ret;

	ret = dma_coerce_mask_and_coherent(&platform->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	dev = drm_dev_alloc(&gpumem_driver, &platform->dev);
	if (IS_ERR(dev))
		return PTR_ERR(dev);

	ret = drm_dev_register(dev, 0);
	if (ret) {
		drm_dev_put(dev);
		return ret;
	}

	platform_set_drvdata(platform, dev);
	return devm_add_action_or_reset(&platform->dev, gpumem_unplug, dev);
}

static struct platform_driver gpumem_platform_driver = {
	.probe = gpumem_probe,
	.driver.name = "gpumem",
};

static int __init gpumem_init(void)
{
	int ret;

	gpumem_config.unmovable = !gpumem_movable;
	gpumem_config.backing = gpumem_backing_find(gpumem_backing);
	if (!gpumem_config.backing) {
		pr_err("gpumem: no backing is called \"%s\"\n", gpumem_backing);
		return -EINVAL;
	}

	ret = platform_driver_register(&gpumem_platform_driver);
	if (ret)
		return ret;

	gpumem_platform = platform_device_register_simple("gpumem", -1, NULL, 0);
	if (IS_ERR(gpumem_platform)) {
		ret = PTR_ERR(gpumem_platform);
		goto err_driver;
	}
	/* A device that no driver could take is no use, but no error either. */
	if (!platform_get_drvdata(gpumem_platform)) {
		ret = -ENODEV;
		goto err_device;
	}
	return 0;

err_device:
	platform_device_unregister(gpumem_platform);
err_driver:
	platform_driver_unregister(&gpumem_platform_driver);
	return ret;
}

static void __exit gpumem_exit(void)
{
	platform_device_unregister(gpumem_platform);
	platform_driver_unregister(&gpumem_platform_driver);
}

module_init(gpumem_init);
module_exit(gpumem_exit);

MODULE_DESCRIPTION("GPU buffers with movable pages");
MODULE_AUTHOR("The gpumem authors");
MODULE_LICENSE("GPL");
