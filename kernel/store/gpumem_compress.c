// SPDX-License-Identifier: GPL-2.0
/*
 * Compressing a page and bringing it back, with workspaces that are allocated
 * once: both happen when there is no memory to spare. Knows nothing of where the
 * bytes are kept.
 *
 * A compressor's lock is taken under gpumem_object.lock and memory is allocated
 * under it; reclaim only trylocks it. A decompressor's lock is a leaf.
 */
#include <linux/cpumask.h>
#include <linux/highmem.h>
#include <linux/lz4.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/zstd.h>

#include "gpumem_compress.h"
#include "gpumem_pool.h"
#include "gpumem_store.h"

/* More would only be memory that lies idle. */
#define GPUMEM_COMPRESSORS_MAX	4U

#define GPUMEM_ZSTD_LEVEL	3

struct gpumem_algorithm {
	size_t (*compress_bound)(void);
	size_t (*decompress_bound)(void);
	/* Returns the compressed length, 0 if it is more than @capacity. */
	unsigned int (*compress)(void *workspace, const void *page, void *data,
				 unsigned int capacity);
	/* Returns whether it became a whole page. */
	bool (*decompress)(void *workspace, const void *data,
			   unsigned int length, void *page);
};

static const struct gpumem_algorithm *gpumem_algorithm;
static struct gpumem_compressor gpumem_compressors[GPUMEM_COMPRESSORS_MAX];
static struct gpumem_decompressor gpumem_decompressors[GPUMEM_COMPRESSORS_MAX];

static size_t gpumem_lz4_compress_bound(void)
{
	return LZ4_MEM_COMPRESS;
}

static size_t gpumem_lz4_decompress_bound(void)
{
	return 0;
}

static unsigned int gpumem_lz4_compress(void *workspace, const void *page,
					void *data, unsigned int capacity)
{
	int ret = LZ4_compress_default(page, data, PAGE_SIZE, capacity,
				       workspace);

	return max(ret, 0);
}

static bool gpumem_lz4_decompress(void *workspace, const void *data,
				  unsigned int length, void *page)
{
	return LZ4_decompress_safe(data, page, length, PAGE_SIZE) == PAGE_SIZE;
}

static size_t gpumem_zstd_compress_bound(void)
{
	zstd_parameters parameters = zstd_get_params(GPUMEM_ZSTD_LEVEL,
						     PAGE_SIZE);

	return zstd_cctx_workspace_bound(&parameters.cParams);
}

static unsigned int gpumem_zstd_compress(void *workspace, const void *page,
					 void *data, unsigned int capacity)
{
	zstd_parameters parameters = zstd_get_params(GPUMEM_ZSTD_LEVEL,
						     PAGE_SIZE);
	size_t bound = zstd_cctx_workspace_bound(&parameters.cParams);
	zstd_cctx *context = zstd_init_cctx(workspace, bound);
	size_t ret;

	if (WARN_ON_ONCE(!context))
		return 0;
	ret = zstd_compress_cctx(context, data, capacity, page, PAGE_SIZE,
				 &parameters);
	return zstd_is_error(ret) ? 0 : ret;
}

static bool gpumem_zstd_decompress(void *workspace, const void *data,
				   unsigned int length, void *page)
{
	zstd_dctx *context = zstd_init_dctx(workspace,
					    zstd_dctx_workspace_bound());

	if (WARN_ON_ONCE(!context))
		return false;
	return zstd_decompress_dctx(context, page, PAGE_SIZE, data, length) ==
	       PAGE_SIZE;
}

static const struct gpumem_algorithm gpumem_algorithms[] = {
	[GPUMEM_LZ4] = {
		.compress_bound = gpumem_lz4_compress_bound,
		.decompress_bound = gpumem_lz4_decompress_bound,
		.compress = gpumem_lz4_compress,
		.decompress = gpumem_lz4_decompress,
	},
	[GPUMEM_ZSTD] = {
		.compress_bound = gpumem_zstd_compress_bound,
		.decompress_bound = zstd_dctx_workspace_bound,
		.compress = gpumem_zstd_compress,
		.decompress = gpumem_zstd_decompress,
	},
};

static unsigned int gpumem_compressors_count(void)
{
	return min(num_possible_cpus(), GPUMEM_COMPRESSORS_MAX);
}

/**
 * gpumem_compress_fini - free what gpumem_compress_init() made
 */
void gpumem_compress_fini(void)
{
	unsigned int i;

	for (i = 0; i < gpumem_compressors_count(); i++) {
		kvfree(gpumem_compressors[i].workspace);
		kvfree(gpumem_compressors[i].data);
		kvfree(gpumem_decompressors[i].workspace);
		kvfree(gpumem_decompressors[i].data);
		mutex_destroy(&gpumem_compressors[i].lock);
		mutex_destroy(&gpumem_decompressors[i].lock);
	}
}

/**
 * gpumem_compress_init - make room to compress
 * @choice: the algorithm
 *
 * Returns: 0 or -ENOMEM.
 */
int gpumem_compress_init(enum gpumem_algorithm_choice choice)
{
	bool complete = true;
	unsigned int i;

	gpumem_algorithm = &gpumem_algorithms[choice];
	for (i = 0; i < gpumem_compressors_count(); i++) {
		struct gpumem_compressor *c = &gpumem_compressors[i];
		struct gpumem_decompressor *d = &gpumem_decompressors[i];
		size_t bound = gpumem_algorithm->decompress_bound();

		mutex_init(&c->lock);
		mutex_init(&d->lock);
		c->workspace = kvmalloc(gpumem_algorithm->compress_bound(),
					GFP_KERNEL);
		c->data = kvmalloc(PAGE_SIZE, GFP_KERNEL);
		d->workspace = bound ? kvmalloc(bound, GFP_KERNEL) : NULL;
		d->data = kvmalloc(PAGE_SIZE, GFP_KERNEL);
		complete &= c->workspace && c->data && d->data &&
			    (d->workspace || !bound);
	}
	if (complete)
		return 0;
	gpumem_compress_fini();
	return -ENOMEM;
}

/**
 * gpumem_compressor_get - have a compressor to oneself
 * @wait: false in reclaim, which must not wait for somebody who may want memory
 *
 * Returns: the compressor, or NULL without @wait if somebody has it.
 */
struct gpumem_compressor *gpumem_compressor_get(bool wait)
{
	struct gpumem_compressor *c =
		&gpumem_compressors[raw_smp_processor_id() %
				    gpumem_compressors_count()];

	if (wait)
		mutex_lock(&c->lock);
	else if (!mutex_trylock(&c->lock))
		return NULL;
	return c;
}

/**
 * gpumem_compressor_put - let others have a compressor
 * @c: the compressor
 */
void gpumem_compressor_put(struct gpumem_compressor *c)
{
	mutex_unlock(&c->lock);
}

/**
 * gpumem_compress - compress a page
 * @c: the compressor, which has the result
 * @page: the page; nobody writes to it
 */
void gpumem_compress(struct gpumem_compressor *c, struct page *page)
{
	void *address = kmap_local_page(page);
	u32 *words = address;

	c->value = words[0];
	/* What an xarray can have as a value: on 32 bits, not every word. */
	if (c->value <= LONG_MAX &&
	    !memcmp(words, words + 1, PAGE_SIZE - sizeof(*words))) {
		c->content = GPUMEM_SAME;
	} else {
		c->length = gpumem_algorithm->compress(c->workspace, address,
						       c->data,
						       GPUMEM_PIECE_MAX);
		c->content = c->length ? GPUMEM_COMPRESSED :
					 GPUMEM_INCOMPRESSIBLE;
	}
	kunmap_local(address);
}

/**
 * gpumem_decompressor_get - have a decompressor to oneself
 *
 * Returns: the decompressor.
 */
struct gpumem_decompressor *gpumem_decompressor_get(void)
{
	struct gpumem_decompressor *d =
		&gpumem_decompressors[raw_smp_processor_id() %
				      gpumem_compressors_count()];

	mutex_lock(&d->lock);
	return d;
}

/**
 * gpumem_decompressor_put - let others have a decompressor
 * @d: the decompressor
 */
void gpumem_decompressor_put(struct gpumem_decompressor *d)
{
	mutex_unlock(&d->lock);
}

/**
 * gpumem_decompress - bring a page back
 * @d: the decompressor, with the compressed bytes
 * @length: their number
 * @page: receives the contents
 *
 * Returns: 0, or -EIO if the bytes are not those of a page.
 */
int gpumem_decompress(struct gpumem_decompressor *d, unsigned int length,
		      struct page *page)
{
	void *address = kmap_local_page(page);
	bool whole;

	whole = gpumem_algorithm->decompress(d->workspace, d->data, length,
					     address);
	kunmap_local(address);
	return whole ? 0 : -EIO;
}
