// SPDX-License-Identifier: GPL-2.0
/*
 * Test-only: how long does the kernel compact? Reading
 * /sys/kernel/debug/gpumem_test_compaction gives a line each for kcompactd and for
 * all others, who do it to get their own blocks: "CALLS NS", by the clock, of
 * compact_zone(), through which all compaction goes, since the module was loaded.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

struct gpumem_test_compaction_sum {
	atomic64_t calls;
	atomic64_t ns;
};

static struct dentry *gpumem_test_compaction_file;
static struct gpumem_test_compaction_sum gpumem_test_compaction_kcompactd;
static struct gpumem_test_compaction_sum gpumem_test_compaction_others;

static int gpumem_test_compaction_enter(struct kretprobe_instance *ri,
					struct pt_regs *regs)
{
	u64 *begun = (u64 *)ri->data;

	*begun = ktime_get_ns();
	return 0;
}

static int gpumem_test_compaction_leave(struct kretprobe_instance *ri,
					struct pt_regs *regs)
{
	const u64 *begun = (u64 *)ri->data;
	struct gpumem_test_compaction_sum *sum = &gpumem_test_compaction_others;

	if (str_has_prefix(current->comm, "kcompactd"))
		sum = &gpumem_test_compaction_kcompactd;
	atomic64_inc(&sum->calls);
	atomic64_add(ktime_get_ns() - *begun, &sum->ns);
	return 0;
}

static struct kretprobe gpumem_test_compaction_probe = {
	.kp.symbol_name = "compact_zone",
	.entry_handler = gpumem_test_compaction_enter,
	.handler = gpumem_test_compaction_leave,
	.data_size = sizeof(u64),
	.maxactive = 64,
};

static ssize_t gpumem_test_compaction_read(struct file *file, char __user *user,
					   size_t size, loff_t *pos)
{
	char text[96];
	int length;

	length = scnprintf(text, sizeof(text), "%llu %llu\n%llu %llu\n",
			   (u64)atomic64_read(&gpumem_test_compaction_kcompactd.calls),
			   (u64)atomic64_read(&gpumem_test_compaction_kcompactd.ns),
			   (u64)atomic64_read(&gpumem_test_compaction_others.calls),
			   (u64)atomic64_read(&gpumem_test_compaction_others.ns));
	return simple_read_from_buffer(user, size, pos, text, length);
}

static const struct file_operations gpumem_test_compaction_fops = {
	.owner = THIS_MODULE,
	.read = gpumem_test_compaction_read,
};

static int __init gpumem_test_compaction_init(void)
{
	int ret = register_kretprobe(&gpumem_test_compaction_probe);

	if (ret)
		return ret;
	gpumem_test_compaction_file =
		debugfs_create_file("gpumem_test_compaction", 0400, NULL, NULL,
				    &gpumem_test_compaction_fops);
	return 0;
}

static void __exit gpumem_test_compaction_exit(void)
{
	debugfs_remove(gpumem_test_compaction_file);
	unregister_kretprobe(&gpumem_test_compaction_probe);
}

module_init(gpumem_test_compaction_init);
module_exit(gpumem_test_compaction_exit);

MODULE_DESCRIPTION("Test of gpumem: the time that compaction takes");
MODULE_AUTHOR("The gpumem authors");
MODULE_LICENSE("GPL");
