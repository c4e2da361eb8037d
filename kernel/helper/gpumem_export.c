// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers as dma-bufs: a dynamic exporter.
 *
 * An importer that can be told that a buffer moves has its mappings without a
 * pin. They keep the pages in place until the kernel wants to move one: the
 * callback that is asked for it may not call importers, so it refuses and wakes
 * a worker, which tells them, waits for what they still do, and lets the next
 * request through. All other importers pin, from mapping to unmapping or, where
 * the kernel's dma-buf core does it so, from attaching to detaching.
 *
 * States of a mapping
 *
 *   live      in &gpumem_object.mappings; no page moves
 *   told      live, and its importer knows that it has to map again
 *   revoked   told, and all fences have signalled; no longer in the list, and
 *             only waits to be unmapped
 *
 * The list changes with both the reservation and the object's lock held, so
 * either is enough to read it. A mapping in it holds the dma-buf, for its
 * importer does.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/slab.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include "gpumem_internal.h"
#include "gpumem_trace.h"

/* How long the worker waits for importers before it leaves a buffer alone. */
#define GPUMEM_REVOKE_TIMEOUT	HZ

/* The table comes first: it is what an importer gives back. */
struct gpumem_mapping {
	struct sg_table sgt;
	struct list_head link;
	struct dma_buf_attachment *attach;
	enum dma_data_direction dir;
	bool pinned;
	bool told;
	bool revoked;
};

static bool gpumem_can_be_told(struct dma_buf_attachment *attach)
{
	return attach->importer_ops && attach->importer_ops->invalidate_mappings;
}

/*
 * Static importers are pinned by the core, others pin themselves. One that can
 * neither be told nor has asked for a pin gets one.
 */
static bool gpumem_needs_pin(struct dma_buf_attachment *attach)
{
	return attach->importer_ops && !gpumem_can_be_told(attach);
}

static int gpumem_dma_buf_pin(struct dma_buf_attachment *attach)
{
	struct drm_gem_object *obj = attach->dmabuf->priv;
	int ret;

	ret = gpumem_object_pin_longterm(to_gpumem_object(obj));
	/* Which dma-buf does not expect: there is no memory it may hold. */
	return ret == -EBUSY ? -ENOMEM : ret;
}

static void gpumem_dma_buf_unpin(struct dma_buf_attachment *attach)
{
	struct drm_gem_object *obj = attach->dmabuf->priv;

	gpumem_object_unpin(to_gpumem_object(obj));
}

static unsigned int gpumem_max_segment(struct device *dev)
{
	return ALIGN_DOWN(min_t(size_t, dma_max_mapping_size(dev),
				dma_get_max_seg_size(dev)), PAGE_SIZE);
}

static int gpumem_mapping_fill(struct gpumem_mapping *mapping,
			       struct gpumem_object *bo)
{
	struct page **pages;
	int ret;

	pages = gpumem_object_page_array(bo);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	ret = sg_alloc_table_from_pages_segment(&mapping->sgt, pages,
						gpumem_object_pages(bo), 0,
						bo->base.size,
						gpumem_max_segment(mapping->attach->dev),
						GFP_KERNEL);
	kvfree(pages);
	if (ret)
		return ret;

	/*
	 * A device may map a buffer more than once. Two mappings that each own
	 * the CPU's view overlap (DMA_API_DEBUG), so none does, and the syncs
	 * are said aloud.
	 */
	ret = dma_map_sgtable(mapping->attach->dev, &mapping->sgt, mapping->dir,
			      DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		sg_free_table(&mapping->sgt);
	else
		dma_sync_sgtable_for_device(mapping->attach->dev, &mapping->sgt,
					    mapping->dir);
	return ret;
}

static struct sg_table *gpumem_dma_buf_map(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir)
{
	struct drm_gem_object *obj = attach->dmabuf->priv;
	struct gpumem_object *bo = to_gpumem_object(obj);
	struct gpumem_mapping *mapping;
	int ret;

	dma_resv_assert_held(obj->resv);

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->attach = attach;
	mapping->dir = dir;
	mapping->pinned = gpumem_needs_pin(attach);

	/* While the table is made nothing moves, whoever asked for it. */
	ret = mapping->pinned ? gpumem_dma_buf_pin(attach) :
				gpumem_object_pin(bo);
	if (ret)
		goto err_free;
	ret = gpumem_mapping_fill(mapping, bo);
	if (ret)
		goto err_unpin;

	mutex_lock(&bo->lock);
	list_add(&mapping->link, &bo->mappings);
	mutex_unlock(&bo->lock);

	if (!mapping->pinned)
		gpumem_object_unpin(bo);
	return &mapping->sgt;

err_unpin:
	gpumem_object_unpin(bo);
err_free:
	kfree(mapping);
	return ERR_PTR(ret);
}

static void gpumem_dma_buf_unmap(struct dma_buf_attachment *attach,
				 struct sg_table *sgt,
				 enum dma_data_direction dir)
{
	struct gpumem_mapping *mapping =
		container_of(sgt, struct gpumem_mapping, sgt);
	struct drm_gem_object *obj = attach->dmabuf->priv;
	struct gpumem_object *bo = to_gpumem_object(obj);

	dma_resv_assert_held(obj->resv);

	/* The reservation keeps the pages where they are until it is unmapped. */
	mutex_lock(&bo->lock);
	if (!mapping->revoked)
		list_del(&mapping->link);
	mutex_unlock(&bo->lock);

	/* The pages of a revoked one may be somebody else's by now. */
	if (!mapping->revoked)
		dma_sync_sgtable_for_cpu(attach->dev, sgt, mapping->dir);
	dma_unmap_sgtable(attach->dev, sgt, mapping->dir,
			  DMA_ATTR_SKIP_CPU_SYNC);
	if (mapping->pinned)
		gpumem_object_unpin(bo);
	sg_free_table(sgt);
	kfree(mapping);
}

static int gpumem_dma_buf_begin_cpu_access(struct dma_buf *dma_buf,
					   enum dma_data_direction dir)
{
	struct drm_gem_object *obj = dma_buf->priv;
	struct gpumem_object *bo = to_gpumem_object(obj);
	bool write = dir != DMA_FROM_DEVICE;
	struct gpumem_mapping *mapping;
	long left;

	/* dma-buf waits for them only afterwards, too late for bounce buffers. */
	left = dma_resv_wait_timeout(obj->resv, dma_resv_usage_rw(write), true,
				     MAX_SCHEDULE_TIMEOUT);
	if (left < 0)
		return left;

	mutex_lock(&bo->lock);
	if (bo->cpu_accesses < UINT_MAX)
		bo->cpu_accesses++;
	list_for_each_entry(mapping, &bo->mappings, link)
		dma_sync_sgtable_for_cpu(mapping->attach->dev, &mapping->sgt,
					 mapping->dir);
	mutex_unlock(&bo->lock);
	return 0;
}

static int gpumem_dma_buf_end_cpu_access(struct dma_buf *dma_buf,
					 enum dma_data_direction dir)
{
	struct drm_gem_object *obj = dma_buf->priv;
	struct gpumem_object *bo = to_gpumem_object(obj);
	struct gpumem_mapping *mapping;

	mutex_lock(&bo->lock);
	/* User space may say that it ends what it never began. */
	if (bo->cpu_accesses)
		bo->cpu_accesses--;
	list_for_each_entry(mapping, &bo->mappings, link)
		dma_sync_sgtable_for_device(mapping->attach->dev, &mapping->sgt,
					    mapping->dir);
	mutex_unlock(&bo->lock);
	return 0;
}

static void gpumem_dma_buf_release(struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj = dma_buf->priv;

	gpumem_purge_drop_export(to_gpumem_object(obj));
	drm_gem_dmabuf_release(dma_buf);
}

static const struct dma_buf_ops gpumem_dma_buf_ops = {
	.pin = gpumem_dma_buf_pin,
	.unpin = gpumem_dma_buf_unpin,
	.map_dma_buf = gpumem_dma_buf_map,
	.unmap_dma_buf = gpumem_dma_buf_unmap,
	.begin_cpu_access = gpumem_dma_buf_begin_cpu_access,
	.end_cpu_access = gpumem_dma_buf_end_cpu_access,
	.release = gpumem_dma_buf_release,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
};

/* Works of &gpumem_object.revoke sleep, but in no queue of the system's. */
struct workqueue_struct *gpumem_revoke_queue;

/**
 * gpumem_object_tell_importers - the pages of an object are about to move
 * @bo: the object, its reservation locked
 *
 * Importers may still use the buffer until the reservation's fences have
 * signalled. Then gpumem_object_revoke_mappings().
 *
 * Returns: true if there was anybody to tell.
 */
bool gpumem_object_tell_importers(struct gpumem_object *bo)
{
	bool any = !list_empty(&bo->mappings);
	struct gpumem_mapping *mapping;
	struct dma_buf *dma_buf;

	dma_resv_assert_held(bo->base.resv);

	/* One after the other: an object may have had more than one dma-buf. */
	do {
		dma_buf = NULL;
		list_for_each_entry(mapping, &bo->mappings, link) {
			if (mapping->told)
				continue;
			dma_buf = dma_buf ?: mapping->attach->dmabuf;
			mapping->told = mapping->attach->dmabuf == dma_buf;
		}
		/* They may unmap at once, and that changes the list. */
		if (dma_buf)
			dma_buf_invalidate_mappings(dma_buf);
	} while (dma_buf);
	return any;
}

/**
 * gpumem_object_revoke_mappings - after gpumem_object_tell_importers()
 * @bo: the object, its reservation and &gpumem_object.lock locked, without pins
 *	and unsignalled fences
 *
 * What was mapped when importers were told holds the pages no longer, unless the CPU
 * has access: it may have written what a bounce buffer does not have yet, and a sync
 * for the CPU would undo that.
 */
void gpumem_object_revoke_mappings(struct gpumem_object *bo)
{
	struct gpumem_mapping *mapping, *next;

	dma_resv_assert_held(bo->base.resv);
	lockdep_assert_held(&bo->lock);

	if (bo->cpu_accesses)
		return;
	list_for_each_entry_safe(mapping, next, &bo->mappings, link) {
		if (!mapping->told)
			continue;
		dma_sync_sgtable_for_cpu(mapping->attach->dev, &mapping->sgt,
					 mapping->dir);
		mapping->revoked = true;
		list_del(&mapping->link);
	}
}

/**
 * gpumem_object_revoke_work - make importers let go of an object
 * @work: &gpumem_object.revoke
 *
 * The reservation is not held while waiting for fences: whatever is mapped
 * meanwhile stays. Nor is it waited for, since a long pin may hold it for long: the
 * next request to move a page tries again. An object that is freed waits for this and
 * has no mappings.
 */
void gpumem_object_revoke_work(struct work_struct *work)
{
	struct gpumem_object *bo =
		container_of(work, struct gpumem_object, revoke);
	struct dma_resv *resv = bo->base.resv;
	bool told;

	if (!dma_resv_trylock(resv))
		return;
	told = !READ_ONCE(bo->pins) && gpumem_object_tell_importers(bo);
	dma_resv_unlock(resv);
	if (!told)
		return;

	trace_gpumem_revoke(bo->id);
	dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      GPUMEM_REVOKE_TIMEOUT);

	if (!dma_resv_trylock(resv))
		return;
	mutex_lock(&bo->lock);
	if (!bo->pins && dma_resv_test_signaled(resv, DMA_RESV_USAGE_BOOKKEEP))
		gpumem_object_revoke_mappings(bo);
	mutex_unlock(&bo->lock);
	dma_resv_unlock(resv);
}

/**
 * gpumem_object_export - &drm_gem_object_funcs.export
 * @obj: GEM object
 * @flags: for the file of the dma-buf
 *
 * Returns: the dma-buf, or an ERR_PTR(): -ENODATA if the contents were purged,
 * -EOPNOTSUPP if it is another device's buffer, which that has exported already.
 */
struct dma_buf *gpumem_object_export(struct drm_gem_object *obj, int flags)
{
	struct drm_device *dev = obj->dev;
	struct dma_buf_export_info info = {
		.exp_name = dev->driver->name,
		.owner = dev->driver->fops->owner,
		.ops = &gpumem_dma_buf_ops,
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};
	struct gpumem_object *bo = to_gpumem_object(obj);
	struct dma_buf *dma_buf;
	int ret;

	if (bo->import)
		return ERR_PTR(-EOPNOTSUPP);

	ret = gpumem_purge_add_export(bo);
	if (ret)
		return ERR_PTR(ret);
	dma_buf = drm_gem_dmabuf_export(dev, &info);
	if (IS_ERR(dma_buf))
		gpumem_purge_drop_export(bo);
	return dma_buf;
}
EXPORT_SYMBOL_GPL(gpumem_object_export);

/**
 * gpumem_prime_own_object - the object behind a dma-buf that a device made itself
 * @dev: the device
 * @dma_buf: the dma-buf
 *
 * Returns: the object with a new reference, or NULL if another device made it.
 */
struct drm_gem_object *gpumem_prime_own_object(struct drm_device *dev,
					       struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj = dma_buf->priv;

	if (dma_buf->ops != &gpumem_dma_buf_ops || obj->dev != dev)
		return NULL;
	drm_gem_object_get(obj);
	return obj;
}

/**
 * gpumem_prime_import - &drm_driver.gem_prime_import
 * @dev: importing device
 * @dma_buf: the buffer
 *
 * Calls &drm_driver.gem_prime_import_sg_table for other devices' buffers.
 *
 * Returns: the object with one reference, or an ERR_PTR().
 */
struct drm_gem_object *gpumem_prime_import(struct drm_device *dev,
					   struct dma_buf *dma_buf)
{
	return gpumem_prime_own_object(dev, dma_buf) ?:
	       drm_gem_prime_import(dev, dma_buf);
}
EXPORT_SYMBOL_GPL(gpumem_prime_import);
