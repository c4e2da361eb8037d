/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions, force-included before every file of the
 * module. This folder is the only place where a kernel version is tested; the
 * rest of the module is written for the newest kernel's names. One header for
 * each topic; features.mk says what is built for a kernel.
 */
#ifndef _GPUMEM_COMPAT_H_
#define _GPUMEM_COMPAT_H_

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0))
#error "gpumem supports kernel 6.1 and kernels from 6.12 on"
#endif

/* Symbol namespaces are strings from 6.13 on. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define GPUMEM_NS_DMA_BUF	DMA_BUF
#else
#define GPUMEM_NS_DMA_BUF	"DMA_BUF"
#endif

#include "gpumem_compat_dma_buf.h"
#include "gpumem_compat_drm.h"
#include "gpumem_compat_mm.h"

#endif /* _GPUMEM_COMPAT_H_ */
