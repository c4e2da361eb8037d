// SPDX-License-Identifier: GPL-2.0
/*
 * The helper's module, and the list of backings that this kernel has.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/string.h>

#include "../store/gpumem_store.h"
#include "gpumem_cold.h"
#include "gpumem_compact.h"
#include "gpumem_debugfs.h"
#include "gpumem_hotplug.h"
#include "gpumem_internal.h"
#include "gpumem_lru.h"

/* The first is the default. */
static const struct gpumem_backing * const gpumem_backings[] = {
	&gpumem_gemfs_backing,
#ifdef GPUMEM_HAS_MOPS
	&gpumem_mops_backing,
#endif
};

/**
 * gpumem_backing_find - a backing by its name
 * @name: name of a backing, or NULL for the default
 *
 * Returns: the backing, or NULL if this kernel has none of that name.
 */
const struct gpumem_backing *gpumem_backing_find(const char *name)
{
	size_t i;

	if (!name)
		return gpumem_backings[0];
	for (i = 0; i < ARRAY_SIZE(gpumem_backings); i++)
		if (!strcmp(name, gpumem_backings[i]->name))
			return gpumem_backings[i];
	return NULL;
}
EXPORT_SYMBOL_GPL(gpumem_backing_find);

/**
 * gpumem_backing_id - a backing's number in the uapi
 * @backing: the backing
 *
 * Returns: GPUMEM_BACKING_*.
 */
u32 gpumem_backing_id(const struct gpumem_backing *backing)
{
	return backing->id;
}
EXPORT_SYMBOL_GPL(gpumem_backing_id);

/**
 * gpumem_page_owner - the object that has a page
 * @page: anybody's page, as &gpumem_backing.owner takes it
 * @index: receives the slot
 *
 * Returns: the object, with the page locked, or NULL if it is not ours or busy.
 */
struct gpumem_object *gpumem_page_owner(struct page *page, pgoff_t *index)
{
	struct gpumem_object *bo;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gpumem_backings); i++) {
		if (!gpumem_backings[i]->owner)
			continue;
		bo = gpumem_backings[i]->owner(page, index);
		if (bo)
			return bo;
	}
	return NULL;
}

static void gpumem_backings_unload(size_t count)
{
	while (count--)
		if (gpumem_backings[count]->unload)
			gpumem_backings[count]->unload();
}

static int __init gpumem_backings_load(void)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(gpumem_backings); i++) {
		if (!gpumem_backings[i]->load)
			continue;
		ret = gpumem_backings[i]->load();
		if (ret) {
			gpumem_backings_unload(i);
			return ret;
		}
	}
	return 0;
}

static int __init gpumem_helper_init(void)
{
	int ret;

	ret = gpumem_backings_load();
	if (ret)
		return ret;
	gpumem_drain_lru_batches_init();
	gpumem_revoke_queue = alloc_workqueue("gpumem_revoke", WQ_UNBOUND, 0);
	if (!gpumem_revoke_queue) {
		ret = -ENOMEM;
		goto err_backings;
	}
	ret = gpumem_purge_init();
	if (ret)
		goto err_queue;
	ret = gpumem_store_init();
	if (ret)
		goto err_purge;
	ret = gpumem_idle_init();
	if (ret)
		goto err_store;
	/* Not under its lock: before 6.11 this waits for CPUs that come and go. */
	ret = gpumem_compact_put_begin();
	if (ret)
		goto err_idle;
	ret = gpumem_hotplug_init();
	if (ret)
		goto err_compact;

	gpumem_debugfs_init();
	return 0;

err_compact:
	gpumem_compact_put_end();
err_idle:
	gpumem_idle_fini();
err_store:
	gpumem_store_fini();
err_purge:
	gpumem_purge_fini();
err_queue:
	destroy_workqueue(gpumem_revoke_queue);
err_backings:
	gpumem_backings_unload(ARRAY_SIZE(gpumem_backings));
	return ret;
}

static void __exit gpumem_helper_exit(void)
{
	gpumem_debugfs_fini();
	WARN_ON(!list_empty(&gpumem_manager.objects));
	gpumem_hotplug_fini();
	gpumem_idle_fini();
	gpumem_store_fini();
	gpumem_compact_fini();
	gpumem_compact_put_end();
	gpumem_purge_fini();
	destroy_workqueue(gpumem_revoke_queue);
	gpumem_drain_lru_batches_end();
	gpumem_backings_unload(ARRAY_SIZE(gpumem_backings));
}

module_init(gpumem_helper_init);
module_exit(gpumem_helper_exit);

MODULE_DESCRIPTION("GEM helper: buffers with movable pages");
MODULE_AUTHOR("The gpumem authors");
MODULE_IMPORT_NS(GPUMEM_NS_DMA_BUF);
MODULE_LICENSE("GPL");
