/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Force-included before every file of unmodified vkms, so that its buffers are
 * those of the gpumem helper: tools/vm --vkms gpumem. It is what a patch to vkms
 * would change, in the form of macros.
 *
 * vkms takes two things from drm_gem_shmem: the driver's ops, and the fbdev
 * emulation, which casts every buffer to struct drm_gem_shmem_object. The first
 * are replaced, the second is left out: a console on a virtual display is no use
 * to anybody here.
 */
#ifndef _VKMS_ON_GPUMEM_H_
#define _VKMS_ON_GPUMEM_H_

#include "../compat/gpumem_compat.h"

#include <drm/drm_gem_shmem_helper.h>
#include <drm/gpumem_helper.h>

#undef DRM_GEM_SHMEM_DRIVER_OPS
#define DRM_GEM_SHMEM_DRIVER_OPS	DRM_GPUMEM_DRIVER_OPS

#if __has_include(<drm/drm_fbdev_shmem.h>)
#include <drm/drm_fbdev_shmem.h>
#undef DRM_FBDEV_SHMEM_DRIVER_OPS
#define DRM_FBDEV_SHMEM_DRIVER_OPS	.fbdev_probe = NULL
#define drm_fbdev_shmem_setup(dev, bpp)	((void)(dev))
#endif

#if __has_include(<drm/clients/drm_client_setup.h>)
#include <drm/clients/drm_client_setup.h>
#define drm_client_setup(dev, format)	((void)(dev))
#endif

#endif /* _VKMS_ON_GPUMEM_H_ */
