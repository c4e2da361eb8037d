// SPDX-License-Identifier: GPL-2.0
/*
 * The pins that one open file holds, and who answers for them.
 *
 * A file has one entry for each object that it has a handle of. The entry is
 * made when the handle is, so pinning allocates nothing for it, and it goes
 * with the last handle, also when the task is killed: GEM closes all handles of
 * a file that goes away.
 *
 * Memory that a file keeps in place counts against RLIMIT_MEMLOCK, in the same
 * account of the user as registered buffers of io_uring: each object once,
 * however often the file pins it. The user is the one who opened the file. Whoever
 * has CAP_IPC_LOCK when an object's first pin is made is not charged for it.
 *
 * gpumem_file.lock is a leaf: nothing is locked or allocated under it.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/slab.h>

#include <drm/gpumem_helper.h>

#include "gpumem_file.h"

struct gpumem_file {
	/** @lock: protects @objects and its entries. */
	struct mutex lock;

	/** @objects: entries sorted by object address. */
	struct rb_root objects;

	/** @cred: of who opened the file; constant. */
	const struct cred *cred;
};

struct gpumem_file_object {
	struct rb_node node;

	/** @obj: not a reference; the handles hold one. */
	struct drm_gem_object *obj;

	/** @handles: handles that this file has of @obj. */
	unsigned int handles;

	/** @pins: of &gpumem_object.pins, those made through this file. */
	unsigned int pins;

	/** @charged: pages charged to the user for @pins. */
	unsigned long charged;

	/** @counted: for gpumem_file_pages_to_charge(). */
	bool counted;
};

/**
 * gpumem_file_create - for a file that is being opened
 *
 * Returns: an empty set, or NULL without memory.
 */
struct gpumem_file *gpumem_file_create(void)
{
	struct gpumem_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return NULL;
	mutex_init(&file->lock);
	file->objects = RB_ROOT;
	file->cred = get_current_cred();
	return file;
}

/**
 * gpumem_file_destroy - when a file is closed, after its handles
 * @file: set without entries
 */
void gpumem_file_destroy(struct gpumem_file *file)
{
	WARN_ON(!RB_EMPTY_ROOT(&file->objects));
	put_cred(file->cred);
	mutex_destroy(&file->lock);
	kfree(file);
}

static struct gpumem_file_object *
gpumem_file_find(struct gpumem_file *file, struct drm_gem_object *obj)
{
	struct rb_node *node = file->objects.rb_node;

	lockdep_assert_held(&file->lock);

	while (node) {
		struct gpumem_file_object *entry =
			rb_entry(node, struct gpumem_file_object, node);

		if (obj == entry->obj)
			return entry;
		node = obj < entry->obj ? node->rb_left : node->rb_right;
	}
	return NULL;
}

static void gpumem_file_insert(struct gpumem_file *file,
			       struct gpumem_file_object *new)
{
	struct rb_node **link = &file->objects.rb_node;
	struct rb_node *parent = NULL;

	lockdep_assert_held(&file->lock);

	while (*link) {
		struct gpumem_file_object *entry =
			rb_entry(*link, struct gpumem_file_object, node);

		parent = *link;
		link = new->obj < entry->obj ? &parent->rb_left :
					       &parent->rb_right;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, &file->objects);
}

/* Charge pages to the user within the limit of the current task. */
static int gpumem_file_charge(struct gpumem_file *file, unsigned long pages)
{
	atomic_long_t *locked = &file->cred->user->locked_vm;
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long now = atomic_long_read(locked);

	if (!pages)
		return 0;
	do {
		if (pages > limit || now > limit - pages)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(locked, &now, now + pages));
	return 0;
}

static void gpumem_file_uncharge(struct gpumem_file *file, unsigned long pages)
{
	atomic_long_sub(pages, &file->cred->user->locked_vm);
}

/* What a pin of an object costs its user; an imported one is not our memory. */
static unsigned long gpumem_object_charge(struct drm_gem_object *obj)
{
	struct gpumem_object *bo = to_gpumem_object(obj);

	return bo->import ? 0 : gpumem_object_pages(bo);
}

/**
 * gpumem_file_open_object - a handle of @obj is being made
 * @file: the file
 * @obj: the object
 *
 * Returns: 0 or -ENOMEM.
 */
int gpumem_file_open_object(struct gpumem_file *file,
			    struct drm_gem_object *obj)
{
	struct gpumem_file_object *entry, *new;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->obj = obj;

	mutex_lock(&file->lock);
	entry = gpumem_file_find(file, obj);
	if (!entry) {
		gpumem_file_insert(file, new);
		entry = new;
		new = NULL;
	}
	entry->handles++;
	mutex_unlock(&file->lock);

	kfree(new);
	return 0;
}

/**
 * gpumem_file_close_object - a handle of @obj is going away
 * @file: the file
 * @obj: the object
 *
 * The last handle takes the file's pins with it.
 */
void gpumem_file_close_object(struct gpumem_file *file,
			      struct drm_gem_object *obj)
{
	struct gpumem_file_object *entry;

	mutex_lock(&file->lock);
	entry = gpumem_file_find(file, obj);
	if (WARN_ON(!entry) || --entry->handles) {
		mutex_unlock(&file->lock);
		return;
	}
	rb_erase(&entry->node, &file->objects);
	mutex_unlock(&file->lock);

	/* At once: the number is the user's choice. */
	if (entry->pins)
		gpumem_object_unpin_many(to_gpumem_object(obj), entry->pins);
	gpumem_file_uncharge(file, entry->charged);
	kfree(entry);
}

/* Pages of the objects that this file has not pinned yet, each counted once. */
static int gpumem_file_pages_to_charge(struct gpumem_file *file,
				       struct drm_gem_object **objs, u32 count,
				       unsigned long *pages)
{
	struct gpumem_file_object *entry;
	int ret = 0;
	u32 i;

	*pages = 0;
	mutex_lock(&file->lock);
	for (i = 0; i < count; i++) {
		entry = gpumem_file_find(file, objs[i]);
		if (!entry) {
			ret = -ENOENT;
			break;
		}
		if (!entry->pins && !entry->counted)
			*pages += gpumem_object_charge(objs[i]);
		entry->counted = true;
	}
	while (i--)
		gpumem_file_find(file, objs[i])->counted = false;
	mutex_unlock(&file->lock);
	return ret;
}

/*
 * Enter pins that the objects already have. @reserved pages are charged and are
 * given to the entries; what is missing or left, because another thread pinned
 * or unpinned meanwhile, is charged or returned. On error all of it is returned.
 */
static int gpumem_file_enter_pins(struct gpumem_file *file,
				  struct drm_gem_object **objs, u32 count,
				  bool charge, unsigned long reserved)
{
	struct gpumem_file_object *entry;
	unsigned long used = 0;
	int ret = 0;
	u32 i;

	mutex_lock(&file->lock);
	for (i = 0; i < count; i++) {
		entry = gpumem_file_find(file, objs[i]);
		if (!entry) {
			ret = -ENOENT;
			break;
		}
		if (!entry->pins++ && charge) {
			entry->charged = gpumem_object_charge(objs[i]);
			used += entry->charged;
		}
	}
	if (!ret && used > reserved) {
		ret = gpumem_file_charge(file, used - reserved);
		if (!ret)
			reserved = used;
	}
	if (ret) {
		while (i--) {
			entry = gpumem_file_find(file, objs[i]);
			if (!--entry->pins && charge)
				entry->charged = 0;
		}
		used = 0;
	}
	gpumem_file_uncharge(file, reserved - used);
	mutex_unlock(&file->lock);
	return ret;
}

static int gpumem_file_pin_object(struct drm_gem_object *obj, bool longterm)
{
	struct gpumem_object *bo = to_gpumem_object(obj);
	int ret;

	if (!longterm)
		return gpumem_object_pin(bo);

	ret = dma_resv_lock_interruptible(obj->resv, NULL);
	if (ret)
		return ret;
	ret = gpumem_object_pin_longterm(bo);
	dma_resv_unlock(obj->resv);
	return ret;
}

/**
 * gpumem_file_pin - pin objects for this file, all or none
 * @file: the file
 * @objs: objects, with references; one may occur more than once
 * @count: number of objects
 * @longterm: with gpumem_object_pin_longterm()
 *
 * Returns: 0, -ENOENT if a handle was closed meanwhile, -ENOMEM if the user would
 * have more memory in place than RLIMIT_MEMLOCK allows, -EINTR if with @longterm
 * a signal ended the wait for a reservation, or an error of gpumem_object_pin() or
 * gpumem_object_pin_longterm().
 */
int gpumem_file_pin(struct gpumem_file *file, struct drm_gem_object **objs,
		    u32 count, bool longterm)
{
	bool charge = !capable(CAP_IPC_LOCK);
	unsigned long reserved = 0;
	u32 pinned = 0;
	int ret;

	/* Before any page is made resident, so that a refusal costs nothing. */
	if (charge) {
		ret = gpumem_file_pages_to_charge(file, objs, count, &reserved);
		if (ret)
			return ret;
		ret = gpumem_file_charge(file, reserved);
		if (ret)
			return ret;
	}

	for (pinned = 0; pinned < count; pinned++) {
		ret = gpumem_file_pin_object(objs[pinned], longterm);
		if (ret)
			goto err_uncharge;
	}

	ret = gpumem_file_enter_pins(file, objs, count, charge, reserved);
	if (ret)
		goto err_unpin;
	return 0;

err_uncharge:
	gpumem_file_uncharge(file, reserved);
err_unpin:
	while (pinned--)
		gpumem_object_unpin(to_gpumem_object(objs[pinned]));
	return ret;
}

/**
 * gpumem_file_unpin - undo pins of this file, all or none
 * @file: the file
 * @objs: objects, with references; one may occur more than once
 * @count: number of objects
 *
 * Returns: 0, or -EINVAL if this file does not hold as many pins.
 */
int gpumem_file_unpin(struct gpumem_file *file, struct drm_gem_object **objs,
		      u32 count)
{
	struct gpumem_file_object *entry;
	int ret = 0;
	u32 i;

	mutex_lock(&file->lock);
	for (i = 0; i < count; i++) {
		entry = gpumem_file_find(file, objs[i]);
		if (!entry || !entry->pins) {
			ret = -EINVAL;
			break;
		}
		entry->pins--;
	}
	while (i--) {
		entry = gpumem_file_find(file, objs[i]);
		if (ret) {
			entry->pins++;
		} else if (!entry->pins) {
			gpumem_file_uncharge(file, entry->charged);
			entry->charged = 0;
		}
	}
	mutex_unlock(&file->lock);
	if (ret)
		return ret;

	for (i = 0; i < count; i++)
		gpumem_object_unpin(to_gpumem_object(objs[i]));
	return 0;
}

/**
 * gpumem_file_pins - pins that this file holds on an object
 * @file: the file
 * @obj: the object
 *
 * Returns: the number of pins.
 */
u64 gpumem_file_pins(struct gpumem_file *file, struct drm_gem_object *obj)
{
	struct gpumem_file_object *entry;
	u64 pins;

	mutex_lock(&file->lock);
	entry = gpumem_file_find(file, obj);
	pins = entry ? entry->pins : 0;
	mutex_unlock(&file->lock);
	return pins;
}
