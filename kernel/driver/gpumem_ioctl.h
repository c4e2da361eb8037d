/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's ioctls; their contract is include/uapi/drm/gpumem_drm.h. */
#ifndef _GPUMEM_IOCTL_H_
#define _GPUMEM_IOCTL_H_

#include <drm/drm_ioctl.h>

#define GPUMEM_NUM_IOCTLS	8

struct gpumem_config;

/* From the module's parameters. */
extern struct gpumem_config gpumem_config;

extern const struct drm_ioctl_desc gpumem_ioctls[GPUMEM_NUM_IOCTLS];

#endif /* _GPUMEM_IOCTL_H_ */
