// SPDX-License-Identifier: GPL-2.0
/*
 * The compressed store: parameters, pieces and their checksums, and the worker
 * that packs. Where the bytes are is a pool's business (gpumem_pool.h), what they
 * are the bytes of is the caller's.
 *
 * A piece belongs to whoever put it in: nobody gets, frees or corrupts one at the
 * same time as somebody else frees it.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <linux/xxhash.h>

#include "gpumem_compress.h"
#include "gpumem_pool.h"
#include "gpumem_slots.h"
#include "gpumem_store.h"

/* A request after so long without one is the first of a compaction. */
#define GPUMEM_QUIET_INTERVAL	(HZ / 2)

/* Pages that the packer frees at most each time that it is woken. */
#define GPUMEM_PACK_BUDGET	512UL

/* A parameter that is one word of a few; others are refused. */
struct gpumem_choice {
	const char * const *words;
	unsigned int count;
	unsigned int *value;
};

static int gpumem_choice_set(const char *word, const struct kernel_param *param)
{
	const struct gpumem_choice *choice = param->arg;
	unsigned int i;

	for (i = 0; i < choice->count; i++) {
		if (choice->words[i] && sysfs_streq(word, choice->words[i])) {
			WRITE_ONCE(*choice->value, i);
			return 0;
		}
	}
	return -EINVAL;
}

static int gpumem_choice_get(char *buffer, const struct kernel_param *param)
{
	const struct gpumem_choice *choice = param->arg;

	return sysfs_emit(buffer, "%s\n", choice->words[READ_ONCE(*choice->value)]);
}

static const struct kernel_param_ops gpumem_choice_ops = {
	.set = gpumem_choice_set,
	.get = gpumem_choice_get,
};

static unsigned int gpumem_store_choice;
static const struct gpumem_pool * const gpumem_pools[] = {
	&gpumem_slots_pool,
#ifdef GPUMEM_HAS_ZSMALLOC
	&gpumem_zsmalloc_pool,
#endif
};

static const char * const gpumem_store_words[] = {
	"gpumem",
#ifdef GPUMEM_HAS_ZSMALLOC
	"zsmalloc",
#endif
};

static const struct gpumem_choice gpumem_store_param = {
	gpumem_store_words, ARRAY_SIZE(gpumem_store_words), &gpumem_store_choice,
};
module_param_cb(store, &gpumem_choice_ops, (void *)&gpumem_store_param, 0444);
MODULE_PARM_DESC(store,
		 "What keeps compressed pages: gpumem, or zsmalloc to compare with (default: gpumem)");

unsigned int gpumem_policy = GPUMEM_NOMINATE;
static const char * const gpumem_policy_words[] = {
	[GPUMEM_WHOLE] = "whole",
	[GPUMEM_NOMINATE] = "nominate",
	[GPUMEM_HYBRID] = "hybrid",
};

static const struct gpumem_choice gpumem_policy_param = {
	gpumem_policy_words, ARRAY_SIZE(gpumem_policy_words), &gpumem_policy,
};
module_param_cb(store_policy, &gpumem_choice_ops, (void *)&gpumem_policy_param,
		0644);
MODULE_PARM_DESC(store_policy,
		 "How the store gives up a page: whole, nominate or hybrid (default: nominate)");

static unsigned int gpumem_algorithm_choice = GPUMEM_LZ4;
static const char * const gpumem_algorithm_words[] = {
	[GPUMEM_LZ4] = "lz4",
	[GPUMEM_ZSTD] = "zstd",
};

static const struct gpumem_choice gpumem_algorithm_param = {
	gpumem_algorithm_words, ARRAY_SIZE(gpumem_algorithm_words),
	&gpumem_algorithm_choice,
};
module_param_cb(store_algorithm, &gpumem_choice_ops,
		(void *)&gpumem_algorithm_param, 0444);
MODULE_PARM_DESC(store_algorithm,
		 "How the store compresses: lz4 or zstd (default: lz4)");

unsigned int gpumem_slot_pages_choice;
static const char * const gpumem_slot_pages_words[] = {
#ifdef GPUMEM_HAS_MOPS
	"mops",
#endif
	"lru",
};

static const struct gpumem_choice gpumem_slot_pages_param = {
	gpumem_slot_pages_words, ARRAY_SIZE(gpumem_slot_pages_words),
	&gpumem_slot_pages_choice,
};
module_param_cb(store_pages, &gpumem_choice_ops,
		(void *)&gpumem_slot_pages_param, 0444);
MODULE_PARM_DESC(store_pages,
		 "How the store's pages are made movable: mops, on kernels up to 6.15 (default there), or lru");

struct gpumem_store_counters gpumem_store_counters;

static const struct gpumem_pool *gpumem_pool;
static struct kmem_cache *gpumem_pieces;
static struct workqueue_struct *gpumem_store_queue;
static atomic_long_t gpumem_store_pieces;
static atomic_long_t gpumem_store_bytes;
static atomic_long_t gpumem_store_damaged;
static unsigned long gpumem_last_request;

static atomic64_t gpumem_pack_ns;

static unsigned long gpumem_store_pack_some(unsigned long budget)
{
	ktime_t start = ktime_get();
	unsigned long packed;

	packed = gpumem_pool->pack(budget);
	atomic64_add(ktime_to_ns(ktime_sub(ktime_get(), start)), &gpumem_pack_ns);
	return packed;
}

static void gpumem_pack_work(struct work_struct *work)
{
	gpumem_store_pack_some(GPUMEM_PACK_BUDGET);
}

static DECLARE_WORK(gpumem_packer, gpumem_pack_work);

/**
 * gpumem_store_wake_packer - a compaction begins
 *
 * With the policy `hybrid` sparse pages are packed soon, with others nothing
 * happens. Does not sleep.
 */
void gpumem_store_wake_packer(void)
{
	if (READ_ONCE(gpumem_policy) == GPUMEM_HYBRID)
		queue_work(gpumem_store_queue, &gpumem_packer);
}

/**
 * gpumem_store_request - the kernel has asked for a page of the store
 *
 * The kernel does not say when a compaction begins, so the first request after a
 * while is taken for it.
 */
void gpumem_store_request(void)
{
	unsigned long last = READ_ONCE(gpumem_last_request);

	atomic_long_inc(&gpumem_store_counters.requests);
	WRITE_ONCE(gpumem_last_request, jiffies);
	if (time_after(jiffies, last + GPUMEM_QUIET_INTERVAL))
		gpumem_store_wake_packer();
}

/**
 * gpumem_store_put - keep what was compressed
 * @c: compressor with GPUMEM_COMPRESSED
 * @seed: says whose bytes they are, so that nobody gets another's
 * @gfp: for the memory that it takes
 *
 * Returns: a piece for gpumem_store_free(), or NULL without memory.
 */
struct gpumem_piece *gpumem_store_put(const struct gpumem_compressor *c,
				      u32 seed, gfp_t gfp)
{
	struct gpumem_piece *piece;

	piece = kmem_cache_zalloc(gpumem_pieces, gfp);
	if (!piece)
		return NULL;
	piece->length = c->length;
	piece->checksum = xxh32(c->data, c->length, seed);
	if (gpumem_pool->put(piece, c->data, gfp)) {
		kmem_cache_free(gpumem_pieces, piece);
		return NULL;
	}
	atomic_long_inc(&gpumem_store_pieces);
	atomic_long_add(c->length, &gpumem_store_bytes);
	return piece;
}

/**
 * gpumem_store_get - bring a page back; the piece stays
 * @piece: the piece
 * @seed: as it was put
 * @page: receives the contents
 *
 * Allocates nothing.
 *
 * Returns: 0, or -EIO if the bytes are not those that were put.
 */
int gpumem_store_get(const struct gpumem_piece *piece, u32 seed,
		     struct page *page)
{
	struct gpumem_decompressor *d = gpumem_decompressor_get();
	int ret = -EIO;

	if (!gpumem_pool->get(piece, d->data) &&
	    xxh32(d->data, piece->length, seed) == piece->checksum)
		ret = gpumem_decompress(d, piece->length, page);
	gpumem_decompressor_put(d);
	if (ret)
		atomic_long_inc(&gpumem_store_damaged);
	return ret;
}

/**
 * gpumem_store_fill - bring back a page of one word
 * @page: receives the contents
 * @value: the word
 */
void gpumem_store_fill(struct page *page, u32 value)
{
	void *address = kmap_local_page(page);

	memset32(address, value, PAGE_SIZE / sizeof(value));
	kunmap_local(address);
}

/**
 * gpumem_store_free - forget a piece
 * @piece: the piece
 *
 * Waits for no lock that is held over an allocation.
 */
void gpumem_store_free(struct gpumem_piece *piece)
{
	atomic_long_dec(&gpumem_store_pieces);
	atomic_long_sub(piece->length, &gpumem_store_bytes);
	gpumem_pool->drop(piece);
	kmem_cache_free(gpumem_pieces, piece);
}

/**
 * gpumem_piece_length - bytes that a piece has
 * @piece: the piece
 *
 * Returns: the compressed length.
 */
unsigned int gpumem_piece_length(const struct gpumem_piece *piece)
{
	return piece->length;
}

/**
 * gpumem_store_corrupt - damage a piece, so that a test can see what follows
 * @piece: the piece
 */
void gpumem_store_corrupt(struct gpumem_piece *piece)
{
	gpumem_pool->corrupt(piece);
}

/*
 * Does reclaim pack? With the policy `whole` a store is what moves with its holes, so
 * that it can be compared. zsmalloc has a shrinker of its own.
 */
static bool gpumem_store_packs(void)
{
	return READ_ONCE(gpumem_policy) != GPUMEM_WHOLE;
}

/**
 * gpumem_store_sparse - what reclaim would get by packing
 *
 * Returns: pages, more or less.
 */
unsigned long gpumem_store_sparse(void)
{
	return gpumem_store_packs() ? gpumem_pool->sparse() : 0;
}

/**
 * gpumem_store_pack - empty sparse pages into others, for reclaim
 * @budget: pages at most
 *
 * Allocates nothing and waits for no page.
 *
 * Returns: pages that went.
 */
unsigned long gpumem_store_pack(unsigned long budget)
{
	return gpumem_store_packs() ? gpumem_store_pack_some(budget) : 0;
}

/**
 * gpumem_store_has_poison - has the hardware given up on a page that the store keeps?
 * @first: first page frame of those that are asked for
 * @count: number of them
 *
 * Of its own pool. What zsmalloc keeps is the kernel's.
 *
 * Returns: true if it has.
 */
bool gpumem_store_has_poison(unsigned long first, unsigned long count)
{
	return gpumem_pool->has_poison && gpumem_pool->has_poison(first, count);
}

/**
 * gpumem_store_pages - what the store takes
 *
 * Returns: pages.
 */
unsigned long gpumem_store_pages(void)
{
	return gpumem_pool->pages();
}

/**
 * gpumem_store_show - for debugfs
 * @m: receives a line of each figure
 */
void gpumem_store_show(struct seq_file *m)
{
	const struct gpumem_store_counters *c = &gpumem_store_counters;
	unsigned long pages = gpumem_pool->pages();
	unsigned long searches = 0, steps = 0;
	unsigned int i, most = 0, p99 = 0;
	unsigned long seen = 0;

	for (i = 0; i < ARRAY_SIZE(c->steps); i++) {
		unsigned long n = atomic_long_read(&c->steps[i]);

		searches += n;
		steps += n * i;
		most = n ? i : most;
	}
	for (i = 0; i < ARRAY_SIZE(c->steps); i++) {
		seen += atomic_long_read(&c->steps[i]);
		if (seen * 100 >= searches * 99) {
			p99 = i;
			break;
		}
	}

	seq_printf(m, "store %s\n", gpumem_pool->name);
	seq_printf(m, "policy %s\n", gpumem_policy_words[READ_ONCE(gpumem_policy)]);
	seq_printf(m, "algorithm %s\n",
		   gpumem_algorithm_words[gpumem_algorithm_choice]);
	seq_printf(m, "pages_kind %s\n",
		   gpumem_slot_pages_words[gpumem_slot_pages_choice]);
	seq_printf(m, "pieces %ld\n", atomic_long_read(&gpumem_store_pieces));
	seq_printf(m, "stored_bytes %ld\n", atomic_long_read(&gpumem_store_bytes));
	seq_printf(m, "pages %lu\n", pages);
	seq_printf(m, "held_bytes %lu\n", pages << PAGE_SHIFT);
	seq_printf(m, "handle_bytes %lu\n",
		   atomic_long_read(&gpumem_store_pieces) *
		   sizeof(struct gpumem_piece));
	seq_printf(m, "damaged %ld\n", atomic_long_read(&gpumem_store_damaged));
	seq_printf(m, "requests %ld\n", atomic_long_read(&c->requests));
	seq_printf(m, "moved_whole %ld\n", atomic_long_read(&c->whole));
	seq_printf(m, "emptied %ld\n", atomic_long_read(&c->emptied));
	seq_printf(m, "packed %ld\n", atomic_long_read(&c->packed));
	seq_printf(m, "refused %ld\n", atomic_long_read(&c->refused));
	seq_printf(m, "no_room %ld\n", atomic_long_read(&c->no_room));
	seq_printf(m, "none_above %ld\n", atomic_long_read(&c->none_above));
	seq_printf(m, "objects_moved %ld\n", atomic_long_read(&c->objects));
	seq_printf(m, "bytes_copied %ld\n", atomic_long_read(&c->bytes));
	seq_printf(m, "searches %lu\n", searches);
	seq_printf(m, "steps %lu\n", steps);
	seq_printf(m, "steps_p99 %u\n", p99);
	seq_printf(m, "steps_max %u\n", most);
	for (i = 0; i < ARRAY_SIZE(c->steps); i++)
		seq_printf(m, "searches_of_%u %ld\n", i,
			   atomic_long_read(&c->steps[i]));
	seq_printf(m, "pack_ns %lld\n", (s64)atomic64_read(&gpumem_pack_ns));
	if (gpumem_pool->show)
		gpumem_pool->show(m);
}

/**
 * gpumem_store_init - make an empty store
 *
 * Returns: 0 or a negative errno.
 */
int gpumem_store_init(void)
{
	int ret = -ENOMEM;

	gpumem_pool = gpumem_pools[gpumem_store_choice];
	gpumem_last_request = jiffies - GPUMEM_QUIET_INTERVAL - 1;

	gpumem_pieces = KMEM_CACHE(gpumem_piece, 0);
	if (!gpumem_pieces)
		return ret;
	/* What shrinkers wait for nobody does here, so no rescuer is needed. */
	gpumem_store_queue = alloc_workqueue("gpumem_store", WQ_UNBOUND, 0);
	if (!gpumem_store_queue)
		goto err_pieces;
	ret = gpumem_compress_init(gpumem_algorithm_choice);
	if (ret)
		goto err_queue;
	ret = gpumem_pool->load();
	if (ret)
		goto err_compress;
	return 0;

err_compress:
	gpumem_compress_fini();
err_queue:
	destroy_workqueue(gpumem_store_queue);
err_pieces:
	kmem_cache_destroy(gpumem_pieces);
	return ret;
}

/**
 * gpumem_store_fini - nothing is stored any more
 */
void gpumem_store_fini(void)
{
	WARN_ON(atomic_long_read(&gpumem_store_pieces));
	cancel_work_sync(&gpumem_packer);
	gpumem_pool->unload();
	/* Pages that were still on their way may have woken it again. */
	destroy_workqueue(gpumem_store_queue);
	gpumem_compress_fini();
	kmem_cache_destroy(gpumem_pieces);
}
