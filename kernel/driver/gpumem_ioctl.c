// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's ioctls: check every input, then call the object manager. Each
 * refuses unknown flags and fields that must be zero, and changes nothing when
 * it fails.
 */
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>
#include <drm/gpumem_drm.h>
#include <drm/gpumem_helper.h>

#include "gpumem_file.h"
#include "gpumem_ioctl.h"

static int gpumem_ioctl_create(struct drm_device *dev, void *data,
			       struct drm_file *file)
{
	struct drm_gpumem_create *args = data;
	struct gpumem_object *bo;
	size_t size;
	int ret;

	if (args->flags || args->handle)
		return -EINVAL;
	if (!args->size || args->size > SIZE_MAX - (PAGE_SIZE - 1))
		return -EINVAL;
	size = PAGE_ALIGN(args->size);

	bo = gpumem_object_create(dev, size, &gpumem_config);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = drm_gem_handle_create(file, &bo->base, &args->handle);
	drm_gem_object_put(&bo->base);
	if (ret)
		return ret;

	args->size = size;
	return 0;
}

static int gpumem_ioctl_mmap_offset(struct drm_device *dev, void *data,
				    struct drm_file *file)
{
	struct drm_gpumem_mmap_offset *args = data;
	struct drm_gem_object *obj;

	if (args->flags || args->offset)
		return -EINVAL;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return 0;
}

/* So many handles are unpinned without memory: who has none must get rid of pins. */
#define GPUMEM_FEW_HANDLES	8

static void gpumem_put_objects(struct drm_gem_object **objs, u32 count,
			       struct drm_gem_object **few)
{
	while (count--)
		drm_gem_object_put(objs[count]);
	if (objs != few)
		kvfree(objs);
}

/*
 * Look up a user array of handles. Returns an array of references, which is @few,
 * the caller's, if that has enough places.
 */
static struct drm_gem_object **gpumem_get_objects(struct drm_file *file,
						  u64 handles, u32 count,
						  struct drm_gem_object **few)
{
	u32 __user *user = u64_to_user_ptr(handles);
	struct drm_gem_object **objs = few;
	u32 i, handle;

	if (!count)
		return ERR_PTR(-EINVAL);
	if (count > GPUMEM_PIN_MAX_HANDLES)
		return ERR_PTR(-E2BIG);

	if (count > GPUMEM_FEW_HANDLES)
		objs = kvmalloc_array(count, sizeof(*objs), GFP_KERNEL);
	if (!objs)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < count; i++) {
		if (get_user(handle, user + i)) {
			gpumem_put_objects(objs, i, few);
			return ERR_PTR(-EFAULT);
		}
		objs[i] = drm_gem_object_lookup(file, handle);
		if (!objs[i]) {
			gpumem_put_objects(objs, i, few);
			return ERR_PTR(-ENOENT);
		}
	}
	return objs;
}

static int gpumem_ioctl_pin(struct drm_device *dev, void *data,
			    struct drm_file *file)
{
	struct drm_gem_object *few[GPUMEM_FEW_HANDLES], **objs;
	struct drm_gpumem_pin *args = data;
	int ret;

	if (args->flags & ~GPUMEM_PIN_LONGTERM)
		return -EINVAL;

	objs = gpumem_get_objects(file, args->handles, args->count, few);
	if (IS_ERR(objs))
		return PTR_ERR(objs);

	ret = gpumem_file_pin(file->driver_priv, objs, args->count,
			      args->flags & GPUMEM_PIN_LONGTERM);
	gpumem_put_objects(objs, args->count, few);
	return ret;
}

static int gpumem_ioctl_unpin(struct drm_device *dev, void *data,
			      struct drm_file *file)
{
	struct drm_gem_object *few[GPUMEM_FEW_HANDLES], **objs;
	struct drm_gpumem_pin *args = data;
	int ret;

	if (args->flags)
		return -EINVAL;

	objs = gpumem_get_objects(file, args->handles, args->count, few);
	if (IS_ERR(objs))
		return PTR_ERR(objs);

	ret = gpumem_file_unpin(file->driver_priv, objs, args->count);
	gpumem_put_objects(objs, args->count, few);
	return ret;
}

static int gpumem_ioctl_query(struct drm_device *dev, void *data,
			      struct drm_file *file)
{
	struct drm_gpumem_query *args = data;
	struct drm_gem_object *obj;
	struct gpumem_object *bo;
	const size_t outputs = offsetof(struct drm_gpumem_query, flags);

	if (memchr_inv(&args->flags, 0, sizeof(*args) - outputs))
		return -EINVAL;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	bo = to_gpumem_object(obj);

	args->file_pins = gpumem_file_pins(file->driver_priv, obj);
	args->size = obj->size;
	if (bo->import)
		args->flags |= GPUMEM_QUERY_IMPORTED;
	if (bo->movable)
		args->flags |= GPUMEM_QUERY_MOVABLE;

	/* Without the lock, which a populate may hold for long. */
	if (READ_ONCE(bo->dontneed))
		args->flags |= GPUMEM_QUERY_DONTNEED;
	if (READ_ONCE(bo->purge) == GPUMEM_PURGED)
		args->flags |= GPUMEM_QUERY_PURGED;
	args->resident_pages = READ_ONCE(bo->resident);
	args->pins = READ_ONCE(bo->pins);
	args->moved = READ_ONCE(bo->moved);
	args->cold_pages = READ_ONCE(bo->cold_pages);

	drm_gem_object_put(obj);
	return 0;
}

static int gpumem_ioctl_stats(struct drm_device *dev, void *data,
			      struct drm_file *file)
{
	const struct gpumem_counters *count = &gpumem_counters;
	struct drm_gpumem_stats *args = data;

	if (memchr_inv(args, 0, sizeof(*args)))
		return -EINVAL;

	args->backing = gpumem_backing_id(gpumem_config.backing);
	if (!gpumem_config.unmovable)
		args->flags |= GPUMEM_STATS_MOVABLE;
	args->objects = atomic64_read(&count->objects);
	args->bytes = atomic64_read(&count->bytes);
	args->resident_pages = atomic64_read(&count->resident_pages);
	args->pinned_objects = atomic64_read(&count->pinned_objects);
	args->isolated = atomic64_read(&count->isolated);
	args->moved = atomic64_read(&count->moved);
	args->put_back = atomic64_read(&count->put_back);
	args->refused_pinned = atomic64_read(&count->refused_pinned);
	args->refused_busy = atomic64_read(&count->refused_busy);
	args->faults = atomic64_read(&count->faults);
	args->purged = atomic64_read(&count->purged);
	args->cold_pages = atomic64_read(&count->cold_pages);
	args->evicted = atomic64_read(&count->evicted);
	args->restored = atomic64_read(&count->restored);
	return 0;
}

static int gpumem_ioctl_madvise(struct drm_device *dev, void *data,
				struct drm_file *file)
{
	struct drm_gpumem_madvise *args = data;
	enum gpumem_advice advice;
	struct drm_gem_object *obj;
	bool retained;
	int ret;

	if (args->retained || args->pad)
		return -EINVAL;
	switch (args->advice) {
	case GPUMEM_MADV_WILLNEED:
		advice = GPUMEM_WILLNEED;
		break;
	case GPUMEM_MADV_DONTNEED:
		advice = GPUMEM_DONTNEED;
		break;
	case GPUMEM_MADV_COLD:
		advice = GPUMEM_COLD;
		break;
	default:
		return -EINVAL;
	}

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	ret = gpumem_object_madvise(to_gpumem_object(obj), advice, &retained);
	if (!ret)
		args->retained = retained;
	drm_gem_object_put(obj);
	return ret;
}

static int gpumem_ioctl_compact(struct drm_device *dev, void *data,
				struct drm_file *file)
{
	struct drm_gpumem_compact *args = data;
	struct gpumem_compaction compaction = {};
	const size_t inputs = offsetof(struct drm_gpumem_compact, flags);
	int ret;

	if (memchr_inv(&args->flags, 0, sizeof(*args) - inputs))
		return -EINVAL;

	compaction.pages = args->pages;
	compaction.time_ns = args->time_ns;
	ret = gpumem_device_compact(dev, &compaction);
	if (ret)
		return ret;

	args->done = compaction.done;
	args->pages_moved = compaction.moved;
	args->blocks_freed = compaction.freed;
	args->pages_scanned = compaction.scanned;
	return 0;
}

const struct drm_ioctl_desc gpumem_ioctls[GPUMEM_NUM_IOCTLS] = {
	DRM_IOCTL_DEF_DRV(GPUMEM_CREATE, gpumem_ioctl_create,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(GPUMEM_MMAP_OFFSET, gpumem_ioctl_mmap_offset,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(GPUMEM_PIN, gpumem_ioctl_pin, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(GPUMEM_UNPIN, gpumem_ioctl_unpin, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(GPUMEM_QUERY, gpumem_ioctl_query, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(GPUMEM_STATS, gpumem_ioctl_stats, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(GPUMEM_MADVISE, gpumem_ioctl_madvise,
			  DRM_RENDER_ALLOW),
	/* It takes time from everybody whose pages move. */
	DRM_IOCTL_DEF_DRV(GPUMEM_COMPACT, gpumem_ioctl_compact,
			  DRM_RENDER_ALLOW | DRM_ROOT_ONLY),
};
