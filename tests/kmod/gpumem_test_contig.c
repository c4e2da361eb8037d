// SPDX-License-Identifier: GPL-2.0
/*
 * Test-only: ask for a range of physical pages by alloc_contig_range(), the path
 * that CMA uses, and give it back. Write "PFN COUNT" (a multiple of the page
 * block) to /sys/kernel/debug/gpumem_test_contig; the write's result is that of
 * the allocation.
 */
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/uaccess.h>

static struct dentry *gpumem_test_contig_file;

static ssize_t gpumem_test_contig_write(struct file *file,
					const char __user *user, size_t size,
					loff_t *pos)
{
	unsigned long pfn, count;
	char text[64];
	int ret;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, size))
		return -EFAULT;
	text[size] = 0;
	if (sscanf(text, "%lu %lu", &pfn, &count) != 2 || !count)
		return -EINVAL;

	ret = gpumem_alloc_contig_range(pfn, pfn + count);
	if (ret)
		return ret;
	free_contig_range(pfn, count);
	return size;
}

static const struct file_operations gpumem_test_contig_fops = {
	.owner = THIS_MODULE,
	.write = gpumem_test_contig_write,
};

static int __init gpumem_test_contig_init(void)
{
	gpumem_test_contig_file =
		debugfs_create_file("gpumem_test_contig", 0200, NULL, NULL,
				    &gpumem_test_contig_fops);
	return 0;
}

static void __exit gpumem_test_contig_exit(void)
{
	debugfs_remove(gpumem_test_contig_file);
}

module_init(gpumem_test_contig_init);
module_exit(gpumem_test_contig_exit);

MODULE_DESCRIPTION("Test of gpumem: contiguous allocation of a chosen range");
MODULE_AUTHOR("The gpumem authors");
MODULE_LICENSE("GPL");
