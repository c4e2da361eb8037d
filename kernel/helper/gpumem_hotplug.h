/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _GPUMEM_HOTPLUG_H_
#define _GPUMEM_HOTPLUG_H_

int gpumem_hotplug_init(void);
void gpumem_hotplug_fini(void);

#endif /* _GPUMEM_HOTPLUG_H_ */
