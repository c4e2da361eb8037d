/* SPDX-License-Identifier: GPL-2.0 */
/* The store's compression algorithms. */
#ifndef _GPUMEM_COMPRESS_H_
#define _GPUMEM_COMPRESS_H_

#include <linux/types.h>

struct page;

/* In the order of the parameter's words. */
enum gpumem_algorithm_choice {
	GPUMEM_LZ4,
	GPUMEM_ZSTD,
};

/**
 * struct gpumem_decompressor - room to bring one page back at a time
 *
 * Nobody allocates memory while holding @lock, so a touch never waits for memory
 * that somebody else wants.
 */
struct gpumem_decompressor {
	/** @lock: held by whoever uses it. */
	struct mutex lock;
	/** @workspace: the algorithm's. */
	void *workspace;
	/** @data: for the compressed bytes. */
	void *data;
};

int gpumem_compress_init(enum gpumem_algorithm_choice choice);
void gpumem_compress_fini(void);
struct gpumem_decompressor *gpumem_decompressor_get(void);
void gpumem_decompressor_put(struct gpumem_decompressor *d);
int gpumem_decompress(struct gpumem_decompressor *d, unsigned int length,
		      struct page *page);

#endif /* _GPUMEM_COMPRESS_H_ */
