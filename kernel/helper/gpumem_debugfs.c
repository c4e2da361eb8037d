// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gpumem: a list of all objects, a map of their pages, and a file
 * that compacts.
 * Page frame numbers are shown here and in the tracepoints only; both are for
 * the superuser.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/time64.h>
#include <linux/uaccess.h>

#include "../store/gpumem_store.h"
#include "gpumem_cold.h"
#include "gpumem_compact.h"
#include "gpumem_debugfs.h"
#include "gpumem_internal.h"

/* How often to try for an object's lock, a millisecond apart. */
#define GPUMEM_SEQ_TRIES	50

static struct dentry *gpumem_debugfs_dir;

static void *gpumem_seq_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&gpumem_manager.lock);
	return seq_list_start_head(&gpumem_manager.objects, *pos);
}

static void *gpumem_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &gpumem_manager.objects, pos);
}

static void gpumem_seq_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&gpumem_manager.lock);
}

static const char *gpumem_object_state(const struct gpumem_object *bo)
{
	lockdep_assert_held(&bo->lock);

	if (bo->import)
		return "imported";
	if (bo->purge == GPUMEM_PURGED)
		return "purged";
	if (gpumem_purge_is_allowed(bo))
		return "purgeable";
	if (!bo->movable)
		return "unmovable";
	if (bo->pins)
		return "pinned";
	return list_empty(&bo->mappings) ? "movable" : "mapped";
}

/*
 * While the list is walked nobody can make or free an object, and a populate may
 * hold an object's lock for as long as memory is hard to get.
 */
static bool gpumem_seq_lock(struct seq_file *m, struct gpumem_object *bo)
{
	unsigned int tries;

	for (tries = 0; tries < GPUMEM_SEQ_TRIES; tries++) {
		if (mutex_trylock(&bo->lock))
			return true;
		fsleep(1000);
	}
	seq_printf(m, "# %llu is busy\n", bo->id);
	return false;
}

static int gpumem_objects_show(struct seq_file *m, void *v)
{
	struct gpumem_object *bo;

	if (v == &gpumem_manager.objects) {
		seq_puts(m, "# id size resident pins moved offset state\n");
		return 0;
	}

	bo = list_entry(v, struct gpumem_object, link);
	if (!gpumem_seq_lock(m, bo))
		return 0;
	/* With mops, /proc/PID/maps has the same offset. */
	seq_printf(m, "%llu %zu %lu %u %llu %#llx %s\n", bo->id, bo->base.size,
		   bo->resident, bo->pins, bo->moved,
		   drm_vma_node_offset_addr(&bo->base.vma_node),
		   gpumem_object_state(bo));
	mutex_unlock(&bo->lock);
	return 0;
}

static int gpumem_pages_show(struct seq_file *m, void *v)
{
	unsigned long pfn, start = 0, count = 0;
	struct gpumem_object *bo;
	const char *state;
	struct page *page;
	pgoff_t i, n;

	if (v == &gpumem_manager.objects) {
		seq_puts(m, "# pfn count object index state\n");
		return 0;
	}

	bo = list_entry(v, struct gpumem_object, link);
	n = gpumem_object_pages(bo);

	if (!gpumem_seq_lock(m, bo))
		return 0;
	state = gpumem_object_state(bo);
	/* One step past the end flushes the last run. */
	for (i = 0; i <= n; i++) {
		page = i < n ? bo->backing->lookup(bo, i) : NULL;
		pfn = page ? page_to_pfn(page) : 0;
		if (count && page && pfn == start + count) {
			count++;
			continue;
		}
		if (count)
			seq_printf(m, "%lu %lu %llu %lu %s\n", start, count,
				   bo->id, i - count, state);
		start = pfn;
		count = page ? 1 : 0;
		cond_resched();
	}
	mutex_unlock(&bo->lock);
	return 0;
}

static const struct seq_operations gpumem_objects_sops = {
	.start = gpumem_seq_start,
	.next = gpumem_seq_next,
	.stop = gpumem_seq_stop,
	.show = gpumem_objects_show,
};
DEFINE_SEQ_ATTRIBUTE(gpumem_objects);

static const struct seq_operations gpumem_pages_sops = {
	.start = gpumem_seq_start,
	.next = gpumem_seq_next,
	.stop = gpumem_seq_stop,
	.show = gpumem_pages_show,
};
DEFINE_SEQ_ATTRIBUTE(gpumem_pages);

static int gpumem_store_file_show(struct seq_file *m, void *v)
{
	gpumem_store_show(m);
	gpumem_cold_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(gpumem_store_file);

/*
 * For tests: the number of an object damages one of its compressed pages. Nothing
 * else could show that damage is found.
 */
static int gpumem_corrupt_set(void *data, u64 id)
{
	struct gpumem_object *bo;
	int ret = -ENOENT;

	mutex_lock(&gpumem_manager.lock);
	list_for_each_entry(bo, &gpumem_manager.objects, link) {
		if (bo->id != id)
			continue;
		ret = gpumem_cold_corrupt(bo);
		break;
	}
	mutex_unlock(&gpumem_manager.lock);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(gpumem_corrupt_fops, NULL, gpumem_corrupt_set, "%llu\n");

static int gpumem_compact_show(struct seq_file *m, void *v)
{
	struct gpumem_compaction last;

	gpumem_compact_last(&last);
	seq_puts(m, "# pages ms moved freed scanned done\n");
	if (last.pages)
		seq_printf(m, "%llu %llu %llu %llu %llu %d\n", last.pages,
			   div_u64(last.time_ns, NSEC_PER_MSEC), last.moved,
			   last.freed, last.scanned, last.done);
	return 0;
}

static int gpumem_compact_open(struct inode *inode, struct file *file)
{
	return single_open(file, gpumem_compact_show, NULL);
}

/* "PAGES MS": the budget; buffers of all devices. */
static ssize_t gpumem_compact_write(struct file *file, const char __user *user,
				    size_t size, loff_t *pos)
{
	struct gpumem_compaction compaction = {};
	char text[64] = {};
	unsigned int ms;
	int ret;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, size))
		return -EFAULT;
	if (sscanf(text, "%llu %u", &compaction.pages, &ms) != 2)
		return -EINVAL;
	compaction.time_ns = (u64)ms * NSEC_PER_MSEC;
	ret = gpumem_device_compact(NULL, &compaction);
	return ret ?: size;
}

static const struct file_operations gpumem_compact_fops = {
	.owner = THIS_MODULE,
	.open = gpumem_compact_open,
	.read = seq_read,
	.write = gpumem_compact_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * gpumem_debugfs_init - make the files
 *
 * Nothing depends on them, so there is no error to report.
 */
void gpumem_debugfs_init(void)
{
	gpumem_debugfs_dir = debugfs_create_dir("gpumem", NULL);
	debugfs_create_file("objects", 0400, gpumem_debugfs_dir, NULL,
			    &gpumem_objects_fops);
	debugfs_create_file("pages", 0400, gpumem_debugfs_dir, NULL,
			    &gpumem_pages_fops);
	debugfs_create_file("store", 0400, gpumem_debugfs_dir, NULL,
			    &gpumem_store_file_fops);
	debugfs_create_file_unsafe("corrupt", 0200, gpumem_debugfs_dir, NULL,
				   &gpumem_corrupt_fops);
	debugfs_create_file("compact", 0600, gpumem_debugfs_dir, NULL,
			    &gpumem_compact_fops);
}

/**
 * gpumem_debugfs_fini - remove the files
 */
void gpumem_debugfs_fini(void)
{
	debugfs_remove_recursive(gpumem_debugfs_dir);
}
