// SPDX-License-Identifier: GPL-2.0
/*
 * Test-only: undo what hard_offline_page did to a page, so that a test leaves no
 * hole in the memory. Write a page frame number to
 * /sys/kernel/debug/gpumem_test_unpoison; EBUSY while somebody has the page.
 * Debian's kernels have hwpoison-inject for that; others may not.
 */
#include <linux/debugfs.h>
#include <linux/kstrtox.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>

static struct dentry *gpumem_test_unpoison_file;

static ssize_t gpumem_test_unpoison_write(struct file *file,
					  const char __user *user, size_t size,
					  loff_t *pos)
{
	unsigned long pfn;
	struct page *page;
	int ret;

	ret = kstrtoul_from_user(user, size, 10, &pfn);
	if (ret)
		return ret;
	page = pfn_to_online_page(pfn);
	if (!page || !PageHWPoison(page))
		return -EINVAL;
	/*
	 * With mops the kernel takes no reference, but would drop that of the slot:
	 * the number there says that it is still in use.
	 */
	if (page_private(page))
		return -EBUSY;
	ret = unpoison_memory(pfn);
	return ret ?: size;
}

static const struct file_operations gpumem_test_unpoison_fops = {
	.owner = THIS_MODULE,
	.write = gpumem_test_unpoison_write,
};

static int __init gpumem_test_unpoison_init(void)
{
	gpumem_test_unpoison_file =
		debugfs_create_file("gpumem_test_unpoison", 0200, NULL, NULL,
				    &gpumem_test_unpoison_fops);
	return 0;
}

static void __exit gpumem_test_unpoison_exit(void)
{
	debugfs_remove(gpumem_test_unpoison_file);
}

module_init(gpumem_test_unpoison_init);
module_exit(gpumem_test_unpoison_exit);

MODULE_DESCRIPTION("Test of gpumem: have a poisoned page back");
MODULE_AUTHOR("The gpumem authors");
MODULE_LICENSE("GPL");
