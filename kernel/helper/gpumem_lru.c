// SPDX-License-Identifier: GPL-2.0
/*
 * Folios on their way to the LRU are in batches of the CPU that touched them,
 * and a batch holds a reference of each. Whoever wants to be the only user of a
 * folio empties the batches first. Modules cannot call lru_add_drain_all().
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/isolation.h>
#include <linux/workqueue.h>

#include "gpumem_lru.h"

/* No more often than this, whoever asks. */
#define GPUMEM_DRAIN_INTERVAL	max(HZ / 100, 1)

static DEFINE_PER_CPU(struct work_struct, gpumem_drain_work);
static atomic_long_t gpumem_drain_next;

static void gpumem_drain_this_cpu(struct work_struct *work)
{
	/* Often called for in reclaim: this must not start more of it. */
	struct folio *folio = folio_alloc(GFP_NOWAIT | __GFP_NOWARN, 0);

	if (folio)
		gpumem_put_and_drain_local_lru(folio);
}

/**
 * gpumem_drain_lru_batches - have the LRU batches of all CPUs emptied, soon
 *
 * Best effort, and does not wait: a CPU may be busy with a task that lets no
 * other run. For the same reason CPUs that were isolated at boot are left alone.
 * Does not sleep.
 */
void gpumem_drain_lru_batches(void)
{
	long next = atomic_long_read(&gpumem_drain_next);
	long now = jiffies;
	unsigned int cpu;

	if (next - now > 0 && next - now <= GPUMEM_DRAIN_INTERVAL)
		return;
	if (atomic_long_cmpxchg(&gpumem_drain_next, next,
				now + GPUMEM_DRAIN_INTERVAL) != next)
		return;
	/* The masks may change, and go with RCU. */
	rcu_read_lock();
	/* On a CPU that has just gone the work does no harm elsewhere. */
	for_each_online_cpu(cpu)
		if (housekeeping_cpu(cpu, HK_TYPE_DOMAIN) &&
		    housekeeping_cpu(cpu, HK_TYPE_TICK))
			schedule_work_on(cpu, per_cpu_ptr(&gpumem_drain_work, cpu));
	rcu_read_unlock();
}

/**
 * gpumem_drain_lru_batches_init - before gpumem_drain_lru_batches()
 */
void gpumem_drain_lru_batches_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&gpumem_drain_work, cpu),
			  gpumem_drain_this_cpu);
}

/**
 * gpumem_drain_lru_batches_end - wait for what was started; before unloading
 */
void gpumem_drain_lru_batches_end(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		cancel_work_sync(per_cpu_ptr(&gpumem_drain_work, cpu));
}
