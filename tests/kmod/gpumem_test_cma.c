// SPDX-License-Identifier: GPL-2.0
/*
 * Test-only: ask for contiguous memory as a device's driver does, which takes it
 * from the CMA area if there is one, and give it back. Write a number of bytes to
 * /sys/kernel/debug/gpumem_test_cma; the write's result is that of the
 * allocation.
 */
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

static struct dentry *gpumem_test_cma_file;
static struct platform_device *gpumem_test_cma_device;

static ssize_t gpumem_test_cma_write(struct file *file, const char __user *user,
				     size_t size, loff_t *pos)
{
	unsigned long bytes;
	dma_addr_t address;
	void *memory;
	int ret;

	ret = kstrtoul_from_user(user, size, 0, &bytes);
	if (ret)
		return ret;

	memory = dma_alloc_coherent(&gpumem_test_cma_device->dev, bytes,
				    &address, GFP_KERNEL | __GFP_NOWARN);
	if (!memory)
		return -ENOMEM;
	dma_free_coherent(&gpumem_test_cma_device->dev, bytes, memory, address);
	return size;
}

static const struct file_operations gpumem_test_cma_fops = {
	.owner = THIS_MODULE,
	.write = gpumem_test_cma_write,
};

static int __init gpumem_test_cma_init(void)
{
	int ret;

	gpumem_test_cma_device =
		platform_device_register_simple("gpumem_test_cma", -1, NULL, 0);
	if (IS_ERR(gpumem_test_cma_device))
		return PTR_ERR(gpumem_test_cma_device);
	ret = dma_coerce_mask_and_coherent(&gpumem_test_cma_device->dev,
					   DMA_BIT_MASK(64));
	if (ret) {
		platform_device_unregister(gpumem_test_cma_device);
		return ret;
	}
	gpumem_test_cma_file =
		debugfs_create_file("gpumem_test_cma", 0200, NULL, NULL,
				    &gpumem_test_cma_fops);
	return 0;
}

static void __exit gpumem_test_cma_exit(void)
{
	debugfs_remove(gpumem_test_cma_file);
	platform_device_unregister(gpumem_test_cma_device);
}

module_init(gpumem_test_cma_init);
module_exit(gpumem_test_cma_exit);

MODULE_DESCRIPTION("Test of gpumem: contiguous memory for a device");
MODULE_AUTHOR("The gpumem authors");
MODULE_LICENSE("GPL");
