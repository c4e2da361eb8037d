/* SPDX-License-Identifier: GPL-2.0 */
/* Files for people and tools under /sys/kernel/debug/gpumem. */
#ifndef _GPUMEM_DEBUGFS_H_
#define _GPUMEM_DEBUGFS_H_

void gpumem_debugfs_init(void);
void gpumem_debugfs_fini(void);

#endif /* _GPUMEM_DEBUGFS_H_ */
