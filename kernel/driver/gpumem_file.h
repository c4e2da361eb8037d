/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pins that one open file holds. Knows objects only as something that can
 * be pinned.
 */
#ifndef _GPUMEM_FILE_H_
#define _GPUMEM_FILE_H_

#include <linux/types.h>

struct drm_file;
struct drm_gem_object;
struct gpumem_file;

struct gpumem_file *gpumem_file_create(void);
void gpumem_file_destroy(struct gpumem_file *file);

int gpumem_file_open_object(struct gpumem_file *file,
			    struct drm_gem_object *obj);
void gpumem_file_close_object(struct gpumem_file *file,
			      struct drm_gem_object *obj);

int gpumem_file_pin(struct gpumem_file *file, struct drm_gem_object **objs,
		    u32 count, bool longterm);
int gpumem_file_unpin(struct gpumem_file *file, struct drm_gem_object **objs,
		      u32 count);
u64 gpumem_file_pins(struct gpumem_file *file, struct drm_gem_object *obj);

#endif /* _GPUMEM_FILE_H_ */
