// SPDX-License-Identifier: GPL-2.0
/* Import for virtual devices that cannot map a dma-buf for DMA. */
#include <linux/dma-buf.h>
#include <linux/export.h>

#include <drm/drm_device.h>
#include <drm/drm_prime.h>

#include "gpumem_internal.h"

/**
 * gpumem_prime_import_no_map - &drm_driver.gem_prime_import
 * @dev: importing device, which does no DMA
 * @dma_buf: the buffer
 *
 * The buffer can be mapped into user space and the kernel; its exporter does it.
 *
 * Returns: the object with one reference, or an ERR_PTR().
 */
struct drm_gem_object *gpumem_prime_import_no_map(struct drm_device *dev,
						  struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj = gpumem_prime_own_object(dev, dma_buf);
	struct dma_buf_attachment *attach;
	struct gpumem_object *bo;

	if (obj)
		return obj;

	/* Never mapped, but GEM tells by it that the buffer is imported. */
	attach = dma_buf_attach(dma_buf, dev->dev);
	if (IS_ERR(attach))
		return ERR_CAST(attach);

	bo = gpumem_object_create_imported(dev, PAGE_ALIGN(dma_buf->size),
					   dma_buf, NULL);
	if (IS_ERR(bo)) {
		dma_buf_detach(dma_buf, attach);
		return ERR_CAST(bo);
	}
	get_dma_buf(dma_buf);
	bo->base.import_attach = attach;
	bo->base.resv = dma_buf->resv;
	return &bo->base;
}
EXPORT_SYMBOL_GPL(gpumem_prime_import_no_map);
