// SPDX-License-Identifier: GPL-2.0
/*
 * Test-only: an importer of dma-bufs. Each open of
 * /sys/kernel/debug/gpumem_test_importer is one; it takes commands by write(),
 *
 *   attach FD static   as most drivers: the buffer stays where it is
 *   attach FD told     can be told that the buffer moves, and unmaps at once
 *   attach FD lazy     can be told, and keeps its old mapping until "unmap"
 *   attach FD stuck    can be told, and does not come back before "go"
 *   map, unmap, pin, unpin, vmap, vunmap, detach
 *   fence, signal      a fence in the buffer's reservation, and its end
 *   waits, go          EAGAIN unless it is being told and stuck; the end of that
 *
 * and tells by read(), from the start each time:
 *
 *   told N        how often it was told
 *   mapped 0|1
 *   stale 0|1     mapped, and told since: its pages may be somebody else's
 *   core_pins 0|1 whether this kernel pins for every mapping
 *   sum N         of the first 8 bytes of each page that is mapped; of a stale
 *                 mapping there is no such line
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static struct dentry *gpumem_test_file;
static struct platform_device *gpumem_test_device;

struct gpumem_test_fence {
	struct dma_fence base;
	spinlock_t lock; /* the fence's own */
};

struct gpumem_test_importer {
	/* Outside the buffer's reservation. */
	struct mutex lock;
	struct dma_buf *buf;
	struct dma_buf_attachment *attach;
	struct dma_fence *fence;
	/* Under the reservation: */
	struct sg_table *sgt;
	struct iosys_map vmap;
	unsigned long told;
	struct completion go;
	bool stuck;
	bool waits; /* read by others at any time */
	bool lazy;
	bool stale; /* mapped before it was told last */
	bool pinned;
};

static const char *gpumem_test_fence_name(struct dma_fence *fence)
{
	return "gpumem_test_importer";
}

static const struct dma_fence_ops gpumem_test_fence_ops = {
	.get_driver_name = gpumem_test_fence_name,
	.get_timeline_name = gpumem_test_fence_name,
};

static void gpumem_test_unmap(struct gpumem_test_importer *imp)
{
	if (imp->sgt)
		dma_buf_unmap_attachment(imp->attach, imp->sgt,
					 DMA_BIDIRECTIONAL);
	imp->sgt = NULL;
	imp->stale = false;
}

static void gpumem_test_invalidate(struct dma_buf_attachment *attach)
{
	struct gpumem_test_importer *imp = attach->importer_priv;

	imp->told++;
	/* With the reservation held, as a driver whose hardware does not answer. */
	if (imp->stuck) {
		WRITE_ONCE(imp->waits, true);
		wait_for_completion(&imp->go);
		WRITE_ONCE(imp->waits, false);
	}
	if (imp->lazy)
		imp->stale = imp->sgt;
	else
		gpumem_test_unmap(imp);
}

static const struct dma_buf_attach_ops gpumem_test_attach_ops = {
	.invalidate_mappings = gpumem_test_invalidate,
};

static int gpumem_test_attach(struct gpumem_test_importer *imp, int fd,
			      const char *kind)
{
	const struct dma_buf_attach_ops *ops = &gpumem_test_attach_ops;
	struct dma_buf_attachment *attach;
	struct dma_buf *buf;

	if (imp->buf)
		return -EBUSY;
	if (!strcmp(kind, "static"))
		ops = NULL;
	else if (strcmp(kind, "told") && strcmp(kind, "lazy") &&
		 strcmp(kind, "stuck"))
		return -EINVAL;
	imp->lazy = !strcmp(kind, "lazy");
	imp->stuck = !strcmp(kind, "stuck");

	buf = dma_buf_get(fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	attach = dma_buf_dynamic_attach(buf, &gpumem_test_device->dev, ops, imp);
	if (IS_ERR(attach)) {
		dma_buf_put(buf);
		return PTR_ERR(attach);
	}
	imp->buf = buf;
	imp->attach = attach;
	return 0;
}

static int gpumem_test_map(struct gpumem_test_importer *imp)
{
	struct sg_table *sgt;

	if (imp->sgt)
		return -EBUSY;
	sgt = dma_buf_map_attachment(imp->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	imp->sgt = sgt;
	return 0;
}

static int gpumem_test_add_fence(struct gpumem_test_importer *imp)
{
	struct gpumem_test_fence *fence;
	int ret;

	if (imp->fence)
		return -EBUSY;
	ret = dma_resv_reserve_fences(imp->buf->resv, 1);
	if (ret)
		return ret;
	fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	if (!fence)
		return -ENOMEM;
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &gpumem_test_fence_ops, &fence->lock,
		       dma_fence_context_alloc(1), 1);
	dma_resv_add_fence(imp->buf->resv, &fence->base,
			   DMA_RESV_USAGE_BOOKKEEP);
	imp->fence = &fence->base;
	return 0;
}

static void gpumem_test_signal(struct gpumem_test_importer *imp)
{
	struct dma_fence *stub;

	if (!imp->fence)
		return;
	stub = dma_fence_get_stub();
	dma_fence_signal(imp->fence);
	/* The reservation may outlive this module, and with it the fence's code. */
	dma_resv_lock(imp->buf->resv, NULL);
	dma_resv_replace_fences(imp->buf->resv, imp->fence->context, stub,
				DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_unlock(imp->buf->resv);
	dma_fence_put(stub);
	dma_fence_put(imp->fence);
	imp->fence = NULL;
}

static void gpumem_test_unpin(struct gpumem_test_importer *imp)
{
	if (imp->pinned)
		dma_buf_unpin(imp->attach);
	imp->pinned = false;
}

/* Not by dma_buf_vmap(): it warns of an exporter that has no memory. */
static int gpumem_test_vmap(struct gpumem_test_importer *imp)
{
	if (!iosys_map_is_null(&imp->vmap))
		return -EBUSY;
	return imp->buf->ops->vmap(imp->buf, &imp->vmap);
}

static void gpumem_test_vunmap(struct gpumem_test_importer *imp)
{
	if (!iosys_map_is_null(&imp->vmap))
		imp->buf->ops->vunmap(imp->buf, &imp->vmap);
	iosys_map_clear(&imp->vmap);
}

static void gpumem_test_detach(struct gpumem_test_importer *imp)
{
	if (!imp->buf)
		return;
	complete_all(&imp->go);
	gpumem_test_signal(imp);
	dma_resv_lock(imp->buf->resv, NULL);
	gpumem_test_vunmap(imp);
	gpumem_test_unmap(imp);
	gpumem_test_unpin(imp);
	dma_resv_unlock(imp->buf->resv);
	dma_buf_detach(imp->buf, imp->attach);
	dma_buf_put(imp->buf);
	imp->buf = NULL;
}

static int gpumem_test_locked_command(struct gpumem_test_importer *imp,
				      const char *text)
{
	int ret = 0;

	if (!strcmp(text, "map")) {
		ret = gpumem_test_map(imp);
	} else if (!strcmp(text, "unmap")) {
		gpumem_test_unmap(imp);
	} else if (!strcmp(text, "fence")) {
		ret = gpumem_test_add_fence(imp);
	} else if (!strcmp(text, "pin") && imp->attach->importer_ops &&
		   !imp->pinned) {
		ret = dma_buf_pin(imp->attach);
		imp->pinned = !ret;
	} else if (!strcmp(text, "unpin")) {
		gpumem_test_unpin(imp);
	} else if (!strcmp(text, "vmap")) {
		ret = gpumem_test_vmap(imp);
	} else if (!strcmp(text, "vunmap")) {
		gpumem_test_vunmap(imp);
	} else {
		ret = -EINVAL;
	}
	return ret;
}

static int gpumem_test_command(struct gpumem_test_importer *imp, char *text)
{
	char kind[8];
	int fd, ret;

	if (sscanf(text, "attach %d %7s", &fd, kind) == 2)
		return gpumem_test_attach(imp, fd, kind);
	if (!imp->buf)
		return -ENOENT;
	if (!strcmp(text, "detach")) {
		gpumem_test_detach(imp);
		return 0;
	}
	/* Not under the reservation: somebody may wait for it there. */
	if (!strcmp(text, "waits"))
		return READ_ONCE(imp->waits) ? 0 : -EAGAIN;
	if (!strcmp(text, "go")) {
		complete_all(&imp->go);
		return 0;
	}
	if (!strcmp(text, "signal")) {
		gpumem_test_signal(imp);
		return 0;
	}
	dma_resv_lock(imp->buf->resv, NULL);
	ret = gpumem_test_locked_command(imp, text);
	dma_resv_unlock(imp->buf->resv);
	return ret;
}

static ssize_t gpumem_test_write(struct file *file, const char __user *user,
				 size_t size, loff_t *pos)
{
	struct gpumem_test_importer *imp = file->private_data;
	char text[64];
	int ret;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, size))
		return -EFAULT;
	text[size] = 0;

	mutex_lock(&imp->lock);
	ret = gpumem_test_command(imp, text);
	mutex_unlock(&imp->lock);
	return ret ?: size;
}

/* The device has no IOMMU, so a DMA address is a physical one. */
static u64 gpumem_test_sum(struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 sum = 0;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		void *at = phys_to_virt(sg_dma_address(sg));
		unsigned int offset;

		for (offset = 0; offset < sg_dma_len(sg); offset += PAGE_SIZE)
			sum += *(u64 *)(at + offset);
	}
	return sum;
}

static ssize_t gpumem_test_read(struct file *file, char __user *user,
				size_t size, loff_t *pos)
{
	struct gpumem_test_importer *imp = file->private_data;
	char text[128];
	int length;

	mutex_lock(&imp->lock);
	/* While it is held nobody is told, so what is not stale stays mapped. */
	if (imp->buf)
		dma_resv_lock(imp->buf->resv, NULL);
	length = scnprintf(text, sizeof(text),
			   "told %lu\nmapped %d\nstale %d\ncore_pins %d\n",
			   imp->told, !!imp->sgt, imp->stale,
			   GPUMEM_DMA_BUF_CORE_PINS);
	if (!imp->stale)
		length += scnprintf(text + length, sizeof(text) - length,
				    "sum %llu\n",
				    imp->sgt ? gpumem_test_sum(imp->sgt) : 0);
	if (imp->buf)
		dma_resv_unlock(imp->buf->resv);
	mutex_unlock(&imp->lock);
	return simple_read_from_buffer(user, size, pos, text, length);
}

static int gpumem_test_open(struct inode *inode, struct file *file)
{
	struct gpumem_test_importer *imp = kzalloc(sizeof(*imp), GFP_KERNEL);

	if (!imp)
		return -ENOMEM;
	mutex_init(&imp->lock);
	init_completion(&imp->go);
	file->private_data = imp;
	return 0;
}

static int gpumem_test_release(struct inode *inode, struct file *file)
{
	struct gpumem_test_importer *imp = file->private_data;

	gpumem_test_detach(imp);
	mutex_destroy(&imp->lock);
	kfree(imp);
	return 0;
}

static const struct file_operations gpumem_test_fops = {
	.owner = THIS_MODULE,
	.open = gpumem_test_open,
	.release = gpumem_test_release,
	.read = gpumem_test_read,
	.write = gpumem_test_write,
};

static int __init gpumem_test_importer_init(void)
{
	int ret;

	gpumem_test_device = platform_device_register_simple("gpumem_test_importer",
							     -1, NULL, 0);
	if (IS_ERR(gpumem_test_device))
		return PTR_ERR(gpumem_test_device);
	ret = dma_coerce_mask_and_coherent(&gpumem_test_device->dev,
					   DMA_BIT_MASK(64));
	if (ret) {
		platform_device_unregister(gpumem_test_device);
		return ret;
	}
	gpumem_test_file = debugfs_create_file("gpumem_test_importer", 0600, NULL,
					       NULL, &gpumem_test_fops);
	return 0;
}

static void __exit gpumem_test_importer_exit(void)
{
	debugfs_remove(gpumem_test_file);
	platform_device_unregister(gpumem_test_device);
}

module_init(gpumem_test_importer_init);
module_exit(gpumem_test_importer_exit);

MODULE_DESCRIPTION("Test of gpumem: an importer of dma-bufs");
MODULE_AUTHOR("The gpumem authors");
MODULE_IMPORT_NS(GPUMEM_NS_DMA_BUF);
MODULE_LICENSE("GPL");
