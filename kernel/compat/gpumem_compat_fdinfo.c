// SPDX-License-Identifier: GPL-2.0
/*
 * The standard keys of fdinfo, for kernels whose DRM core does not print them.
 * Format and meaning are those of newer kernels, so that tools read both.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/gpumem_helper.h>

static void gpumem_fdinfo_size(struct seq_file *m, const char *key, u64 size)
{
	static const char * const units[] = { "", " KiB", " MiB" };
	unsigned int unit;

	for (unit = 0; unit < ARRAY_SIZE(units) - 1; unit++) {
		if (!size || !IS_ALIGNED(size, SZ_1K))
			break;
		size = div_u64(size, SZ_1K);
	}
	seq_printf(m, "drm-%s-memory:\t%llu%s\n", key, size, units[unit]);
}

/**
 * drm_show_fdinfo - &file_operations.show_fdinfo
 * @m: where to print
 * @f: a file of the driver
 */
void drm_show_fdinfo(struct seq_file *m, struct file *f)
{
	u64 total = 0, shared = 0, resident = 0, active = 0, purgeable = 0;
	struct drm_file *file = f->private_data;
	struct drm_device *dev = file->minor->dev;
	struct drm_gem_object *obj;
	int id, idx;

	if (!drm_dev_enter(dev, &idx))
		return;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		total += obj->size;
		if (obj->handle_count > 1 || obj->dma_buf)
			shared += obj->size;
		resident += gpumem_object_rss(obj);
		if (!dma_resv_test_signaled(obj->resv, DMA_RESV_USAGE_READ))
			active += gpumem_object_rss(obj);
		else if (gpumem_object_status(obj) & DRM_GEM_OBJECT_PURGEABLE)
			purgeable += gpumem_object_rss(obj);
	}
	spin_unlock(&file->table_lock);

	seq_printf(m, "drm-driver:\t%s\n", dev->driver->name);
	gpumem_fdinfo_size(m, "total", total);
	gpumem_fdinfo_size(m, "shared", shared);
	gpumem_fdinfo_size(m, "active", active);
	gpumem_fdinfo_size(m, "resident", resident);
	gpumem_fdinfo_size(m, "purgeable", purgeable);
	drm_dev_exit(idx);
}
