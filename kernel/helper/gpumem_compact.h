/* SPDX-License-Identifier: GPL-2.0 */
/* Our own compaction, between the files of the helper. */
#ifndef _GPUMEM_COMPACT_H_
#define _GPUMEM_COMPACT_H_

struct gpumem_compaction;

void gpumem_compact_fini(void);
void gpumem_compact_wait(void);
void gpumem_compact_last(struct gpumem_compaction *last);

#endif /* _GPUMEM_COMPACT_H_ */
