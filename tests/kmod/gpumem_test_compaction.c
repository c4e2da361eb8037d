// SPDX-License-Identifier: GPL-2.0
/*
 * Test-only: how long does the kernel compact? Reading
 * /sys/kernel/debug/gpumem_test_compaction gives a line each for kcompactd and for
 * all others, who do it to get their own blocks: "CALLS NS CPU_NS", by the clock and
 * on a CPU, of compact_zone(), through which all compaction goes, since the module
 * was loaded; and a line with the number of calls that were missed.
 *
 * The scheduler brings a task's time on a CPU up to date with each tick and switch: of
 * a single call it may be wrong by a tick, of many it is not.
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
	atomic64_t cpu_ns;
};

/* When a call began: by the clock, and by the time that the task has run. */
struct gpumem_test_compaction_call {
	u64 begun;
	u64 ran;
};

static struct dentry *gpumem_test_compaction_file;
static struct gpumem_test_compaction_sum gpumem_test_compaction_kcompactd;
static struct gpumem_test_compaction_sum gpumem_test_compaction_others;

static int gpumem_test_compaction_enter(struct kretprobe_instance *ri,
					struct pt_regs *regs)
{
	struct gpumem_test_compaction_call *call = (void *)ri->data;

	call->begun = ktime_get_ns();
	call->ran = READ_ONCE(current->se.sum_exec_runtime);
	return 0;
}

static int gpumem_test_compaction_leave(struct kretprobe_instance *ri,
					struct pt_regs *regs)
{
	const struct gpumem_test_compaction_call *call = (void *)ri->data;
	struct gpumem_test_compaction_sum *sum = &gpumem_test_compaction_others;

	if (str_has_prefix(current->comm, "kcompactd"))
		sum = &gpumem_test_compaction_kcompactd;
	atomic64_inc(&sum->calls);
	atomic64_add(ktime_get_ns() - call->begun, &sum->ns);
	atomic64_add(READ_ONCE(current->se.sum_exec_runtime) - call->ran, &sum->cpu_ns);
	return 0;
}

static struct kretprobe gpumem_test_compaction_probe = {
	.kp.symbol_name = "compact_zone",
	.entry_handler = gpumem_test_compaction_enter,
	.handler = gpumem_test_compaction_leave,
	.data_size = sizeof(struct gpumem_test_compaction_call),
	.maxactive = 64,
};

static int gpumem_test_compaction_line(char *text, size_t size,
				       const struct gpumem_test_compaction_sum *sum)
{
	return scnprintf(text, size, "%llu %llu %llu\n", (u64)atomic64_read(&sum->calls),
			 (u64)atomic64_read(&sum->ns), (u64)atomic64_read(&sum->cpu_ns));
}

static ssize_t gpumem_test_compaction_read(struct file *file, char __user *user,
					   size_t size, loff_t *pos)
{
	char text[160];
	int length;

	length = gpumem_test_compaction_line(text, sizeof(text),
					     &gpumem_test_compaction_kcompactd);
	length += gpumem_test_compaction_line(text + length, sizeof(text) - length,
					      &gpumem_test_compaction_others);
	length += scnprintf(text + length, sizeof(text) - length, "%d\n",
			    gpumem_test_compaction_probe.nmissed);
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
