/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _GPUMEM_LRU_H_
#define _GPUMEM_LRU_H_

void gpumem_drain_lru_batches(void);
void gpumem_drain_lru_batches_init(void);
void gpumem_drain_lru_batches_end(void);

#endif /* _GPUMEM_LRU_H_ */
