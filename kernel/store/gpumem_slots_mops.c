// SPDX-License-Identifier: GPL-2.0
/*
 * Store pages that carry struct movable_operations, for kernels that let a module
 * use them.
 *
 *   page->private   the struct gpumem_slot_page, set and cleared under page lock
 *   page->mapping   gpumem_slots_mops, tagged (by __SetPageMovable)
 *   page->lru       the kernel's
 *
 * One reference is ours for as long as the store has the page. A callback runs with
 * the page locked, and the page is given up under its lock, so a callback always
 * finds its descriptor.
 */
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "gpumem_pool.h"
#include "gpumem_slots.h"

static const struct movable_operations gpumem_slots_mops;

static int gpumem_slots_mops_alloc(struct gpumem_slot_page *sp, gfp_t gfp)
{
	struct page *page = alloc_page(gfp | __GFP_HIGHMEM | __GFP_MOVABLE);

	if (!page)
		return -ENOMEM;
	sp->page = page;
	lock_page(page);
	set_page_private(page, (unsigned long)sp);
	__SetPageMovable(page, &gpumem_slots_mops);
	unlock_page(page);
	return 0;
}

/* The page is locked. An isolated one is freed when the kernel drops it. */
static void gpumem_slots_mops_let_go(struct page *page)
{
	__ClearPageMovable(page);
	set_page_private(page, 0);
}

static bool gpumem_slots_mops_free(struct gpumem_slot_page *sp, bool wait)
{
	struct page *page = sp->page;

	if (wait)
		lock_page(page);
	else if (!trylock_page(page))
		return false;
	gpumem_slots_mops_let_go(page);
	unlock_page(page);
	put_page(page);
	return true;
}

static bool gpumem_slots_mops_isolate(struct page *page, isolate_mode_t mode)
{
	return true;
}

static int gpumem_slots_mops_move(struct page *dst, struct page *src)
{
	struct gpumem_slot_page *sp = (void *)page_private(src);
	int ret = 0;

	switch (gpumem_slots_begin_move(sp, dst)) {
	case GPUMEM_SLOT_MOVE_PAGE:
		if (copy_mc_highpage(dst, src)) {
			gpumem_slots_end_move(sp, NULL);
			return -EHWPOISON;
		}
		get_page(dst);
		set_page_private(dst, (unsigned long)sp);
		__SetPageMovable(dst, &gpumem_slots_mops);
		gpumem_slots_mops_let_go(src);
		gpumem_slots_end_move(sp, dst);
		put_page(src);
		break;
	case GPUMEM_SLOT_MOVE_EMPTIED:
		/* Nobody took dst, so the kernel has it back. */
		gpumem_slots_mops_let_go(src);
		gpumem_slots_gone(sp);
		put_page(src);
		break;
	case GPUMEM_SLOT_MOVE_LATER:
		ret = -EAGAIN;
		break;
	}
	return ret;
}

static int gpumem_slots_mops_migrate(struct page *dst, struct page *src,
				     enum migrate_mode mode)
{
	int ret;

	gpumem_slots_callback_begin();
	/* As gpumem_object_begin_move(). */
	fs_reclaim_acquire(GFP_KERNEL);
	ret = gpumem_slots_mops_move(dst, src);
	fs_reclaim_release(GFP_KERNEL);
	gpumem_slots_callback_end();
	return ret;
}

static void gpumem_slots_mops_putback(struct page *page)
{
}

static const struct movable_operations gpumem_slots_mops = {
	.isolate_page = gpumem_slots_mops_isolate,
	.migrate_page = gpumem_slots_mops_migrate,
	.putback_page = gpumem_slots_mops_putback,
};

const struct gpumem_slot_pages gpumem_slot_pages_mops = {
	.alloc = gpumem_slots_mops_alloc,
	.free = gpumem_slots_mops_free,
};
