/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions, force-included before every file of the
 * module. This folder is the only place where a kernel version is tested; the
 * rest of the module is written for the newest kernel's names.
 */
#ifndef _GPUMEM_COMPAT_H_
#define _GPUMEM_COMPAT_H_

#include <linux/version.h>

/* struct movable_operations can be used by modules from 6.0 to 6.16. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#error "gpumem supports kernels 6.12 to 6.16 so far"
#endif

/* drm_driver.date went away in 6.14. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define GPUMEM_DRM_DRIVER_DATE	.date = "2026",
#else
#define GPUMEM_DRM_DRIVER_DATE
#endif

/* Symbol namespaces are strings from 6.13 on. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define GPUMEM_NS_DMA_BUF	DMA_BUF
#else
#define GPUMEM_NS_DMA_BUF	"DMA_BUF"
#endif

#include <linux/pagemap.h>

static inline void
gpumem_mapping_clear_inaccessible(struct address_space *mapping)
{
	clear_bit(AS_INACCESSIBLE, &mapping->flags);
}

#endif /* _GPUMEM_COMPAT_H_ */
