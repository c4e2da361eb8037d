/* SPDX-License-Identifier: GPL-2.0 */
/* zsmalloc: objects are mapped before 6.16, and copied from then on. */
#ifndef _GPUMEM_COMPAT_ZSMALLOC_H_
#define _GPUMEM_COMPAT_ZSMALLOC_H_

#include <linux/numa.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/zsmalloc.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
static inline unsigned long gpumem_zs_malloc(struct zs_pool *pool, size_t size,
					     gfp_t gfp)
{
	return zs_malloc(pool, size, gfp);
}

static inline void gpumem_zs_write(struct zs_pool *pool, unsigned long handle,
				   const void *data, size_t length)
{
	memcpy(zs_map_object(pool, handle, ZS_MM_WO), data, length);
	zs_unmap_object(pool, handle);
}

static inline void gpumem_zs_read(struct zs_pool *pool, unsigned long handle,
				  void *data, size_t length)
{
	memcpy(data, zs_map_object(pool, handle, ZS_MM_RO), length);
	zs_unmap_object(pool, handle);
}
#else
static inline unsigned long gpumem_zs_malloc(struct zs_pool *pool, size_t size,
					     gfp_t gfp)
{
	return zs_malloc(pool, size, gfp, NUMA_NO_NODE);
}

static inline void gpumem_zs_write(struct zs_pool *pool, unsigned long handle,
				   const void *data, size_t length)
{
	zs_obj_write(pool, handle, (void *)data, length);
}

static inline void gpumem_zs_read(struct zs_pool *pool, unsigned long handle,
				  void *data, size_t length)
{
	void *object = zs_obj_read_begin(pool, handle, length, data);

	if (object != data)
		memcpy(data, object, length);
	zs_obj_read_end(pool, handle, length, object);
}
#endif

#endif /* _GPUMEM_COMPAT_ZSMALLOC_H_ */
