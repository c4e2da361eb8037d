// SPDX-License-Identifier: GPL-2.0
/*
 * Folios on their way to the LRU are in batches of the CPU that touched them,
 * and a batch holds a reference of each. Whoever wants to be the only user of a
 * folio empties the batches first. Modules cannot call lru_add_drain_all().
 */
#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "gpumem_lru.h"

static long gpumem_drain_this_cpu(void *unused)
{
	struct folio *folio = folio_alloc(GFP_KERNEL | __GFP_NOWARN, 0);

	if (folio)
		gpumem_put_and_drain_local_lru(folio);
	return 0;
}

/**
 * gpumem_drain_lru_batches - empty the LRU batches of all CPUs
 *
 * Sleeps. Best effort: without memory for a page nothing happens.
 */
void gpumem_drain_lru_batches(void)
{
	unsigned int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, gpumem_drain_this_cpu, NULL);
	cpus_read_unlock();
}

static void gpumem_drain_work_fn(struct work_struct *work)
{
	gpumem_drain_lru_batches();
}

static DECLARE_WORK(gpumem_drain_work, gpumem_drain_work_fn);

/**
 * gpumem_drain_lru_batches_soon - gpumem_drain_lru_batches() for those who must
 * not sleep
 */
void gpumem_drain_lru_batches_soon(void)
{
	queue_work(system_unbound_wq, &gpumem_drain_work);
}

/**
 * gpumem_drain_lru_batches_end - wait for what was started; before unloading
 */
void gpumem_drain_lru_batches_end(void)
{
	cancel_work_sync(&gpumem_drain_work);
}
