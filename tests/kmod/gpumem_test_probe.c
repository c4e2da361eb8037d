// SPDX-License-Identifier: GPL-2.0
/*
 * Test-only: does memory have blocks of an order on demand? Write "ORDER COUNT" to
 * /sys/kernel/debug/gpumem_test_probe: COUNT blocks are allocated one after the
 * other as network and huge pages do, held together, and freed again. Reading
 * gives "ORDER TRIED SUCCEEDED NS MAX_NS" of the last write: the time that all
 * allocations took, and the longest one.
 */
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

/* What may fail, quickly: plain GFP_KERNEL of order 3 kills rather than fails. */
#define GPUMEM_TEST_PROBE_GFP	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)
#define GPUMEM_TEST_PROBE_MAX	1024
/* The page allocator warns of orders above it. */
#define GPUMEM_TEST_PROBE_ORDER	10

static struct dentry *gpumem_test_probe_file;

/* Of the last write; the lock also keeps two writers from taking memory at once. */
static DEFINE_MUTEX(gpumem_test_probe_lock);
static struct page *gpumem_test_probe_pages[GPUMEM_TEST_PROBE_MAX];
static unsigned int gpumem_test_probe_order;
static unsigned int gpumem_test_probe_tried;
static unsigned int gpumem_test_probe_succeeded;
static u64 gpumem_test_probe_ns;
static u64 gpumem_test_probe_max_ns;

static void gpumem_test_probe_run(unsigned int order, unsigned int count)
{
	unsigned int succeeded = 0, i;
	u64 sum = 0, max = 0;

	for (i = 0; i < count; i++) {
		u64 begun = ktime_get_ns(), took;
		struct page *page = alloc_pages(GPUMEM_TEST_PROBE_GFP, order);

		took = ktime_get_ns() - begun;
		sum += took;
		max = max(max, took);
		if (page)
			gpumem_test_probe_pages[succeeded++] = page;
	}
	for (i = 0; i < succeeded; i++)
		__free_pages(gpumem_test_probe_pages[i], order);

	gpumem_test_probe_order = order;
	gpumem_test_probe_tried = count;
	gpumem_test_probe_succeeded = succeeded;
	gpumem_test_probe_ns = sum;
	gpumem_test_probe_max_ns = max;
}

static ssize_t gpumem_test_probe_write(struct file *file, const char __user *user,
				       size_t size, loff_t *pos)
{
	unsigned int order, count;
	char text[64];

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, size))
		return -EFAULT;
	text[size] = 0;
	if (sscanf(text, "%u %u", &order, &count) != 2 || !count ||
	    order > GPUMEM_TEST_PROBE_ORDER || count > GPUMEM_TEST_PROBE_MAX)
		return -EINVAL;

	if (mutex_lock_interruptible(&gpumem_test_probe_lock))
		return -EINTR;
	gpumem_test_probe_run(order, count);
	mutex_unlock(&gpumem_test_probe_lock);
	return size;
}

static ssize_t gpumem_test_probe_read(struct file *file, char __user *user, size_t size,
				      loff_t *pos)
{
	char text[128];
	int length;

	if (mutex_lock_interruptible(&gpumem_test_probe_lock))
		return -EINTR;
	length = scnprintf(text, sizeof(text), "%u %u %u %llu %llu\n",
			   gpumem_test_probe_order, gpumem_test_probe_tried,
			   gpumem_test_probe_succeeded, gpumem_test_probe_ns,
			   gpumem_test_probe_max_ns);
	mutex_unlock(&gpumem_test_probe_lock);
	return simple_read_from_buffer(user, size, pos, text, length);
}

static const struct file_operations gpumem_test_probe_fops = {
	.owner = THIS_MODULE,
	.read = gpumem_test_probe_read,
	.write = gpumem_test_probe_write,
};

static int __init gpumem_test_probe_init(void)
{
	gpumem_test_probe_file =
		debugfs_create_file("gpumem_test_probe", 0600, NULL, NULL,
				    &gpumem_test_probe_fops);
	return 0;
}

static void __exit gpumem_test_probe_exit(void)
{
	debugfs_remove(gpumem_test_probe_file);
}

module_init(gpumem_test_probe_init);
module_exit(gpumem_test_probe_exit);

MODULE_DESCRIPTION("Test of gpumem: allocations on demand by order");
MODULE_AUTHOR("The gpumem authors");
MODULE_LICENSE("GPL");
