/* SPDX-License-Identifier: GPL-2.0 */
/* DRM: fields of the driver and the object that not every kernel has. */
#ifndef _GPUMEM_COMPAT_DRM_H_
#define _GPUMEM_COMPAT_DRM_H_

#include <linux/dma-resv.h>
#include <linux/version.h>

#include <drm/drm_gem.h>

/* drm_driver.date went away in 6.14. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define GPUMEM_DRM_DRIVER_DATE	.date = "2026",
#else
#define GPUMEM_DRM_DRIVER_DATE
#endif

/* From 6.6 on these are what every GEM driver gets. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define GPUMEM_DRM_DRIVER_PRIME \
	.prime_handle_to_fd = drm_gem_prime_handle_to_fd, \
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle, \
	.gem_prime_mmap = drm_gem_prime_mmap,
#else
#define GPUMEM_DRM_DRIVER_PRIME
#endif

/*
 * Virtual drivers are faux devices from 6.15 on, which cannot map a dma-buf; before
 * they are platform devices, which can.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define GPUMEM_DRM_DRIVER_IMPORT \
	.gem_prime_import = gpumem_prime_import, \
	.gem_prime_import_sg_table = gpumem_prime_import_sg_table,
#else
#define GPUMEM_DRM_DRIVER_IMPORT \
	.gem_prime_import = gpumem_prime_import_no_map,
#endif

/*
 * DRM prints the standard keys of fdinfo itself from 6.5 on, and asks the driver
 * and the object for what it needs. Before, gpumem_compat_fdinfo.c does.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#include <linux/bits.h>

struct file;
struct seq_file;

enum drm_gem_object_status {
	DRM_GEM_OBJECT_RESIDENT = BIT(0),
	DRM_GEM_OBJECT_PURGEABLE = BIT(1),
};

#define GPUMEM_DRM_DRIVER_SHOW_FDINFO(show)
#define GPUMEM_GEM_OBJECT_STATUS(status_fn, rss_fn)

void drm_show_fdinfo(struct seq_file *m, struct file *f);
#else
#define GPUMEM_DRM_DRIVER_SHOW_FDINFO(show)	.show_fdinfo = (show),
#define GPUMEM_GEM_OBJECT_STATUS(status_fn, rss_fn) \
	.status = (status_fn), .rss = (rss_fn),
#endif

#endif /* _GPUMEM_COMPAT_DRM_H_ */
