/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The compressed store, as the rest of the helper sees it: it takes the contents
 * of a page and gives a piece for it, and knows nothing of buffers.
 */
#ifndef _GPUMEM_STORE_H_
#define _GPUMEM_STORE_H_

#include <linux/gfp_types.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct gpumem_piece;
struct mem_cgroup;
struct page;
struct seq_file;

/** enum gpumem_content - what a page turned out to be */
enum gpumem_content {
	/** @GPUMEM_COMPRESSED: worth keeping in the store. */
	GPUMEM_COMPRESSED,
	/** @GPUMEM_SAME: one 32-bit word over and over. */
	GPUMEM_SAME,
	/** @GPUMEM_INCOMPRESSIBLE: better kept as it is. */
	GPUMEM_INCOMPRESSIBLE,
};

/**
 * struct gpumem_compressor - room to compress one page at a time
 */
struct gpumem_compressor {
	/** @lock: held by whoever uses it, from getting to putting it. */
	struct mutex lock;
	/** @workspace: the algorithm's. */
	void *workspace;
	/**
	 * @memcg: memory cgroup that the last page is charged to, with a
	 * reference for who asked; NULL if to none.
	 */
	struct mem_cgroup *memcg;
	/** @content: what the last page was. */
	enum gpumem_content content;
	/** @value: the word, with GPUMEM_SAME. */
	u32 value;
	/** @length: bytes in @data, with GPUMEM_COMPRESSED. */
	unsigned int length;
	/** @data: the last page, compressed. */
	void *data;
};

/* gpumem_compress.c */
struct gpumem_compressor *gpumem_compressor_get(bool wait);
void gpumem_compressor_put(struct gpumem_compressor *c);
void gpumem_compress(struct gpumem_compressor *c, struct page *page);

/* gpumem_store.c */
int gpumem_store_init(void);
void gpumem_store_fini(void);
struct gpumem_piece *gpumem_store_put(const struct gpumem_compressor *c,
				      u32 seed, gfp_t gfp);
int gpumem_store_get(const struct gpumem_piece *piece, u32 seed,
		     struct page *page);
void gpumem_store_fill(struct page *page, u32 value);
void gpumem_store_free(struct gpumem_piece *piece);
unsigned int gpumem_piece_length(const struct gpumem_piece *piece);
void gpumem_store_corrupt(struct gpumem_piece *piece);
unsigned long gpumem_store_sparse(void);
unsigned long gpumem_store_pack(unsigned long budget);
bool gpumem_store_has_poison(unsigned long first, unsigned long count);
unsigned long gpumem_store_pages(void);
void gpumem_store_wake_packer(void);
void gpumem_store_show(struct seq_file *m);

#endif /* _GPUMEM_STORE_H_ */
