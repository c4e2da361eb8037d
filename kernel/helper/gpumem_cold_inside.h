/* SPDX-License-Identifier: GPL-2.0 */
/* Between the two halves of cold buffers: giving pages up and bringing them back. */
#ifndef _GPUMEM_COLD_INSIDE_H_
#define _GPUMEM_COLD_INSIDE_H_

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "../store/gpumem_store.h"
#include "gpumem_internal.h"

/* Mark of a slot whose page stays in memory. */
#define GPUMEM_COLD_STAYS	XA_MARK_0

/**
 * struct gpumem_cold_counters - pages that were to be given up, and were not
 */
struct gpumem_cold_counters {
	/** @in_use: tries that found the page in use. */
	atomic64_t in_use;
	/** @incompressible: not worth it. */
	atomic64_t incompressible;
	/** @no_memory: no memory for what is left of them. */
	atomic64_t no_memory;
	/** @same: those that were given up, and were one word over and over. */
	atomic64_t same;
};

extern struct gpumem_cold_counters gpumem_cold_counters;

/* Says whose bytes a piece has. */
static inline u32 gpumem_cold_seed(const struct gpumem_object *bo, pgoff_t index)
{
	return (u32)bo->id * 0x9e3779b1U + (u32)index;
}

/* Bytes that an entry has in the store. */
static inline long gpumem_cold_entry_bytes(void *entry)
{
	return xa_is_value(entry) ? 0 : gpumem_piece_length(entry);
}

static inline void gpumem_cold_free_entry(void *entry)
{
	if (!xa_is_value(entry))
		gpumem_store_free(entry);
}

static inline bool gpumem_cold_stays(struct gpumem_object *bo, pgoff_t index)
{
	return xa_get_mark(&bo->cold, index, GPUMEM_COLD_STAYS);
}

/* gpumem_cold.c */
void gpumem_cold_account(struct gpumem_object *bo, long pages, long bytes);

#endif /* _GPUMEM_COLD_INSIDE_H_ */
