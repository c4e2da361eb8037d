/* SPDX-License-Identifier: GPL-2.0 */
/* Between the slots and what moves them. */
#ifndef _GPUMEM_SLOTS_INSIDE_H_
#define _GPUMEM_SLOTS_INSIDE_H_

#include <linux/gfp_types.h>
#include <linux/types.h>

struct gpumem_slot_class;
struct gpumem_slot_page;

#define GPUMEM_SLOT_CLASSES	20

/* In front of the bytes in a slot: the piece, and which fragment in bit 0. */
#define GPUMEM_SLOT_HEADER	sizeof(u64)

/* gpumem_slots_pages.c */
struct gpumem_slot_page *gpumem_slots_fullest(struct gpumem_slot_class *class);
struct gpumem_slot_page *gpumem_slots_alloc(struct gpumem_slot_class *class,
					    gfp_t gfp);
bool gpumem_slots_have_poison(unsigned long first, unsigned long count);
unsigned long gpumem_slots_pages(void);
int gpumem_slots_pages_load(void);
void gpumem_slots_pages_unload(void);

/* gpumem_slots.c */
bool gpumem_slots_copy(struct gpumem_slot_page *dst, struct gpumem_slot_page *src,
		       unsigned int from);

#endif /* _GPUMEM_SLOTS_INSIDE_H_ */
