// SPDX-License-Identifier: GPL-2.0
/*
 * The pool of slots: where the bytes of a piece are.
 *
 * A store page belongs to one class and is divided into slots of that class's
 * size. No slot crosses the border of a page, so a page is emptied by looking at
 * nothing but itself and the pages that take its contents. Density comes from
 * cutting a piece in two: one fragment fills a slot of a large class, the rest goes
 * into one of a small class that fits it (gpumem_slots_plan()). The two move
 * independently of each other.
 *
 * In a slot: a header of eight bytes, which says whose fragment it is, then the
 * bytes. A piece says where its fragments are. Both change under the class's lock
 * and at once, so whoever holds the lock of a fragment's class can go either way.
 * The class follows from the piece's length, which does not change.
 *
 * Store pages and their lists are in gpumem_slots_pages.c.
 */
#include <linux/bitops.h>
#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "gpumem_pool.h"
#include "gpumem_slots.h"
#include "gpumem_slots_inside.h"

/* A piece is cut in two only if that saves this part of it. */
#define GPUMEM_CUT_WORTH	24

/* Lengths are planned in steps of this. */
#define GPUMEM_PLAN_STEP	8

/* No second fragment. */
#define GPUMEM_NO_CLASS		U8_MAX

static u8 gpumem_slot_plans[GPUMEM_PIECE_MAX / GPUMEM_PLAN_STEP + 1][GPUMEM_PIECE_PARTS];

static void *gpumem_slot_map(const struct gpumem_slot_page *sp, unsigned int slot)
{
	return kmap_local_page(sp->page) + slot * sp->class->size;
}

/**
 * gpumem_slots_copy - move a fragment to another page of its class
 * @dst: page with room, in no list, the class locked
 * @src: page, in no list
 * @from: slot of @src that is taken
 *
 * Returns: false if the memory of @src cannot be read; then nothing has happened.
 */
bool gpumem_slots_copy(struct gpumem_slot_page *dst, struct gpumem_slot_page *src,
		       unsigned int from)
{
	struct gpumem_slot_class *class = src->class;
	unsigned int to = __ffs64(~dst->taken);
	struct gpumem_piece *piece;
	unsigned int part;
	unsigned long bad;
	u64 *new, *old;

	lockdep_assert_held(&class->lock);

	old = gpumem_slot_map(src, from);
	new = gpumem_slot_map(dst, to);
	bad = copy_mc_to_kernel(new, old, class->size);
	part = *new & 1;
	piece = (void *)(unsigned long)(*new & ~1ULL);
	kunmap_local(new);
	kunmap_local(old);
	if (bad)
		return false;

	piece->page[part] = dst;
	piece->slot[part] = to;
	dst->taken |= BIT_ULL(to);
	src->taken &= ~BIT_ULL(from);
	return true;
}

/* How a piece of this length is cut: classes of its fragments. */
static const u8 *gpumem_slots_plan(unsigned int length)
{
	return gpumem_slot_plans[DIV_ROUND_UP(length, GPUMEM_PLAN_STEP)];
}

static unsigned int gpumem_slot_bytes(unsigned int class)
{
	return gpumem_slots_class(class)->size - GPUMEM_SLOT_HEADER;
}

/* Part of a page that a slot costs, in units of which a page has many. */
static unsigned int gpumem_slot_cost(unsigned int class)
{
	return PAGE_SIZE * 16 / gpumem_slots_class(class)->slots;
}

/* The smallest slot for so many bytes, or GPUMEM_NO_CLASS. */
static u8 gpumem_slot_fit(unsigned int length)
{
	u8 i;

	for (i = 0; i < GPUMEM_SLOT_CLASSES; i++)
		if (gpumem_slot_bytes(i) >= length)
			return i;
	return GPUMEM_NO_CLASS;
}

static void gpumem_slots_make_plan(unsigned int length, u8 *plan)
{
	unsigned int best = UINT_MAX;
	u8 i, rest;

	plan[0] = gpumem_slot_fit(length);
	plan[1] = GPUMEM_NO_CLASS;
	if (plan[0] != GPUMEM_NO_CLASS)
		best = gpumem_slot_cost(plan[0]) - length * 16 / GPUMEM_CUT_WORTH;

	for (i = 0; i < GPUMEM_SLOT_CLASSES && gpumem_slot_bytes(i) < length; i++) {
		rest = gpumem_slot_fit(length - gpumem_slot_bytes(i));
		if (rest == GPUMEM_NO_CLASS || rest > i ||
		    gpumem_slot_cost(i) + gpumem_slot_cost(rest) >= best)
			continue;
		best = gpumem_slot_cost(i) + gpumem_slot_cost(rest);
		plan[0] = i;
		plan[1] = rest;
	}
}

static int gpumem_slots_put_part(struct gpumem_piece *piece, unsigned int part,
				 u8 index, const void *data, unsigned int length,
				 gfp_t gfp)
{
	struct gpumem_slot_class *class = gpumem_slots_class(index);
	struct gpumem_slot_page *sp;
	unsigned int slot;
	u64 *address;

	spin_lock(&class->lock);
	sp = gpumem_slots_fullest(class);
	if (sp) {
		gpumem_slots_unlist(sp);
	} else {
		spin_unlock(&class->lock);
		sp = gpumem_slots_alloc(class, gfp);
		if (!sp)
			return -ENOMEM;
		spin_lock(&class->lock);
	}

	slot = __ffs64(~sp->taken);
	address = gpumem_slot_map(sp, slot);
	*address = (unsigned long)piece | part;
	memcpy(address + 1, data, length);
	kunmap_local(address);

	piece->page[part] = sp;
	piece->slot[part] = slot;
	sp->taken |= BIT_ULL(slot);
	class->taken++;
	gpumem_slots_list(sp);
	spin_unlock(&class->lock);
	return 0;
}

static void gpumem_slots_drop_part(struct gpumem_piece *piece, unsigned int part,
				   u8 index)
{
	struct gpumem_slot_class *class = gpumem_slots_class(index);
	struct gpumem_slot_page *sp;
	bool listed, leaving = false;

	spin_lock(&class->lock);
	sp = piece->page[part];
	/* One that moves is its mover's to list again. */
	listed = gpumem_slots_is_listed(sp);
	if (listed)
		gpumem_slots_unlist(sp);
	sp->taken &= ~BIT_ULL(piece->slot[part]);
	class->taken--;
	if (listed) {
		leaving = !sp->taken;
		if (!leaving)
			gpumem_slots_list(sp);
	}
	spin_unlock(&class->lock);

	if (leaving)
		gpumem_slots_release(sp);
}

static int gpumem_slots_put(struct gpumem_piece *piece, const void *data,
			    gfp_t gfp)
{
	const u8 *plan = gpumem_slots_plan(piece->length);
	unsigned int first = min_t(unsigned int, piece->length,
				   gpumem_slot_bytes(plan[0]));
	int ret;

	ret = gpumem_slots_put_part(piece, 0, plan[0], data, first, gfp);
	if (ret || plan[1] == GPUMEM_NO_CLASS)
		return ret;
	ret = gpumem_slots_put_part(piece, 1, plan[1], data + first,
				    piece->length - first, gfp);
	if (ret)
		gpumem_slots_drop_part(piece, 0, plan[0]);
	return ret;
}

static void gpumem_slots_drop(struct gpumem_piece *piece)
{
	const u8 *plan = gpumem_slots_plan(piece->length);

	gpumem_slots_drop_part(piece, 0, plan[0]);
	if (plan[1] != GPUMEM_NO_CLASS)
		gpumem_slots_drop_part(piece, 1, plan[1]);
}

static int gpumem_slots_get_part(const struct gpumem_piece *piece,
				 unsigned int part, u8 index, void *data,
				 unsigned int length)
{
	struct gpumem_slot_class *class = gpumem_slots_class(index);
	u64 *address;
	int ret = -EIO;

	spin_lock(&class->lock);
	if (!PageHWPoison(piece->page[part]->page)) {
		address = gpumem_slot_map(piece->page[part], piece->slot[part]);
		if (!copy_mc_to_kernel(data, address + 1, length))
			ret = 0;
		kunmap_local(address);
	}
	spin_unlock(&class->lock);
	return ret;
}

static int gpumem_slots_get(const struct gpumem_piece *piece, void *data)
{
	const u8 *plan = gpumem_slots_plan(piece->length);
	unsigned int first = min_t(unsigned int, piece->length,
				   gpumem_slot_bytes(plan[0]));
	int ret;

	ret = gpumem_slots_get_part(piece, 0, plan[0], data, first);
	if (ret || plan[1] == GPUMEM_NO_CLASS)
		return ret;
	return gpumem_slots_get_part(piece, 1, plan[1], data + first,
				     piece->length - first);
}

/* The last byte: what it is part of still has the length of a page. */
static void gpumem_slots_corrupt(struct gpumem_piece *piece)
{
	const u8 *plan = gpumem_slots_plan(piece->length);
	unsigned int part = plan[1] != GPUMEM_NO_CLASS;
	unsigned int before = part ? gpumem_slot_bytes(plan[0]) : 0;
	struct gpumem_slot_class *class = gpumem_slots_class(plan[part]);
	u8 *address;

	spin_lock(&class->lock);
	address = gpumem_slot_map(piece->page[part], piece->slot[part]);
	address[GPUMEM_SLOT_HEADER + piece->length - before - 1] ^= 1;
	kunmap_local(address);
	spin_unlock(&class->lock);
}

static void gpumem_slots_show(struct seq_file *m)
{
	unsigned int i;

	seq_printf(m, "descriptor_bytes %zu\n",
		   gpumem_slots_pages() * sizeof(struct gpumem_slot_page));
	for (i = 0; i < GPUMEM_SLOT_CLASSES; i++) {
		struct gpumem_slot_class *class = gpumem_slots_class(i);
		unsigned long pages, taken;

		spin_lock(&class->lock);
		pages = class->pages;
		taken = class->taken;
		spin_unlock(&class->lock);
		seq_printf(m, "class %u slots %u pages %lu taken %lu\n",
			   class->size, class->slots, pages, taken);
	}
}

static int gpumem_slots_load(void)
{
	unsigned int i;
	int ret;

	ret = gpumem_slots_pages_load();
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(gpumem_slot_plans); i++)
		gpumem_slots_make_plan(i * GPUMEM_PLAN_STEP, gpumem_slot_plans[i]);
	return 0;
}

const struct gpumem_pool gpumem_slots_pool = {
	.name = "gpumem",
	.load = gpumem_slots_load,
	.unload = gpumem_slots_pages_unload,
	.put = gpumem_slots_put,
	.get = gpumem_slots_get,
	.drop = gpumem_slots_drop,
	.corrupt = gpumem_slots_corrupt,
	.sparse = gpumem_slots_sparse,
	.pack = gpumem_slots_pack,
	.has_poison = gpumem_slots_have_poison,
	.pages = gpumem_slots_pages,
	.show = gpumem_slots_show,
};
