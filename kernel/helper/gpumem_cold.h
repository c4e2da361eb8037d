/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between what decides that a buffer is cold, what keeps its pages meanwhile, and
 * the backings that give pages up and get them back.
 */
#ifndef _GPUMEM_COLD_H_
#define _GPUMEM_COLD_H_

#include <linux/ktime.h>
#include <linux/types.h>

struct gpumem_compressor;
struct gpumem_object;
struct page;

/* gpumem_cold.c */
void gpumem_cold_init(struct gpumem_object *bo);
void gpumem_cold_fini(struct gpumem_object *bo);
bool gpumem_cold_is_allowed(const struct gpumem_object *bo);
bool gpumem_cold_has(struct gpumem_object *bo, pgoff_t index);
int gpumem_cold_load(struct gpumem_object *bo, pgoff_t index, struct page *page);
void gpumem_cold_settle(struct gpumem_object *bo, pgoff_t first, pgoff_t count,
			ktime_t start);
unsigned long gpumem_cold_forget(struct gpumem_object *bo);
unsigned long gpumem_cold_weight(const struct gpumem_object *bo);
int gpumem_cold_corrupt(struct gpumem_object *bo);

struct seq_file;
void gpumem_cold_show(struct seq_file *m);

/* gpumem_cold_evict.c */
int gpumem_cold_advise(struct gpumem_object *bo);
unsigned long gpumem_cold_evict_some(struct gpumem_object *bo,
				     unsigned long *budget);

/* gpumem_idle.c */
int gpumem_idle_init(void);
void gpumem_idle_fini(void);
void gpumem_idle_add(struct gpumem_object *bo);
void gpumem_idle_forget(struct gpumem_object *bo);

#endif /* _GPUMEM_COLD_H_ */
