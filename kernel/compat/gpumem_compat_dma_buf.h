/* SPDX-License-Identifier: GPL-2.0 */
/* dma-buf: names that changed. */
#ifndef _GPUMEM_COMPAT_DMA_BUF_H_
#define _GPUMEM_COMPAT_DMA_BUF_H_

#include <linux/dma-buf.h>
#include <linux/version.h>

/* Moving was renamed to what an importer has to do about it in 7.1. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#define invalidate_mappings		move_notify
#define dma_buf_invalidate_mappings	dma_buf_move_notify
#endif

/* Before 7.0 the core pins for dynamic importers too, unless configured. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define GPUMEM_DMA_BUF_CORE_PINS	!IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY)
#else
#define GPUMEM_DMA_BUF_CORE_PINS	false
#endif

#endif /* _GPUMEM_COMPAT_DMA_BUF_H_ */
