// SPDX-License-Identifier: GPL-2.0
/*
 * The pins that one open file holds.
 *
 * A file has one entry for each object that it has a handle of. The entry is
 * made when the handle is, so pinning allocates nothing for it, and it goes
 * with the last handle, also when the task is killed: GEM closes all handles of
 * a file that goes away.
 *
 * gpumem_file.lock is a leaf: nothing is locked or allocated under it.
 */
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/slab.h>

#include "gpumem_file.h"
#include "gpumem_object.h"

struct gpumem_file {
	/** @lock: protects @objects and its entries. */
	struct mutex lock;

	/** @objects: entries sorted by object address. */
	struct rb_root objects;
};

struct gpumem_file_object {
	struct rb_node node;

	/** @obj: not a reference; the handles hold one. */
	struct drm_gem_object *obj;

	/** @handles: handles that this file has of @obj. */
	unsigned int handles;

	/** @pins: of &gpumem_object.pins, those made through this file. */
	unsigned int pins;
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
	return file;
}

/**
 * gpumem_file_destroy - when a file is closed, after its handles
 * @file: set without entries
 */
void gpumem_file_destroy(struct gpumem_file *file)
{
	WARN_ON(!RB_EMPTY_ROOT(&file->objects));
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
	kfree(entry);
}

/**
 * gpumem_file_pin - pin objects for this file, all or none
 * @file: the file
 * @objs: objects, with references; one may occur more than once
 * @count: number of objects
 *
 * Returns: 0, -ENOENT if a handle was closed meanwhile, or an error of
 * gpumem_object_pin().
 */
int gpumem_file_pin(struct gpumem_file *file, struct drm_gem_object **objs,
		    u32 count)
{
	struct gpumem_file_object *entry;
	u32 pinned, i;
	int ret = 0;

	for (pinned = 0; pinned < count; pinned++) {
		ret = gpumem_object_pin(to_gpumem_object(objs[pinned]));
		if (ret)
			goto err_unpin;
	}

	mutex_lock(&file->lock);
	for (i = 0; i < count; i++) {
		entry = gpumem_file_find(file, objs[i]);
		if (!entry) {
			ret = -ENOENT;
			break;
		}
		entry->pins++;
	}
	if (ret)
		while (i--)
			gpumem_file_find(file, objs[i])->pins--;
	mutex_unlock(&file->lock);
	if (!ret)
		return 0;

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
	if (ret)
		while (i--)
			gpumem_file_find(file, objs[i])->pins++;
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
