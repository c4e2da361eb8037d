// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own allocator for compressed memory as a pool, to compare with. It
 * moves its pages as a whole and packs itself when its shrinker or we ask for it.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include "../compat/gpumem_compat_zsmalloc.h"

#include "gpumem_pool.h"

static struct zs_pool *gpumem_zs;

static int gpumem_zsmalloc_load(void)
{
	gpumem_zs = zs_create_pool("gpumem");
	return gpumem_zs ? 0 : -ENOMEM;
}

static void gpumem_zsmalloc_unload(void)
{
	zs_destroy_pool(gpumem_zs);
}

static int gpumem_zsmalloc_put(struct gpumem_piece *piece, const void *data,
			       gfp_t gfp)
{
	unsigned long handle;

	handle = gpumem_zs_malloc(gpumem_zs, piece->length,
				  gfp | __GFP_HIGHMEM | __GFP_MOVABLE);
	if (IS_ERR_VALUE(handle))
		return -ENOMEM;
	piece->zsmalloc = handle;
	gpumem_zs_write(gpumem_zs, handle, data, piece->length);
	return 0;
}

static int gpumem_zsmalloc_get(const struct gpumem_piece *piece, void *data)
{
	gpumem_zs_read(gpumem_zs, piece->zsmalloc, data, piece->length);
	return 0;
}

static void gpumem_zsmalloc_drop(struct gpumem_piece *piece)
{
	zs_free(gpumem_zs, piece->zsmalloc);
}

static void gpumem_zsmalloc_corrupt(struct gpumem_piece *piece)
{
	piece->checksum ^= 1;
}

static unsigned long gpumem_zsmalloc_sparse(void)
{
	/* It has a shrinker of its own. */
	return 0;
}

static unsigned long gpumem_zsmalloc_pack(unsigned long budget)
{
	/* In reclaim its own shrinker does, and knows no budget here. */
	return current->flags & PF_MEMALLOC ? 0 : zs_compact(gpumem_zs);
}

static unsigned long gpumem_zsmalloc_pages(void)
{
	return zs_get_total_pages(gpumem_zs);
}

const struct gpumem_pool gpumem_zsmalloc_pool = {
	.name = "zsmalloc",
	.load = gpumem_zsmalloc_load,
	.unload = gpumem_zsmalloc_unload,
	.put = gpumem_zsmalloc_put,
	.get = gpumem_zsmalloc_get,
	.drop = gpumem_zsmalloc_drop,
	.corrupt = gpumem_zsmalloc_corrupt,
	.sparse = gpumem_zsmalloc_sparse,
	.pack = gpumem_zsmalloc_pack,
	.pages = gpumem_zsmalloc_pages,
};
