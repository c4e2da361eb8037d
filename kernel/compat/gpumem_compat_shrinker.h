/* SPDX-License-Identifier: GPL-2.0 */
/* Shrinkers: allocated by the kernel from 6.7 on, by their owner before. */
#ifndef _GPUMEM_COMPAT_SHRINKER_H_
#define _GPUMEM_COMPAT_SHRINKER_H_

#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>

typedef unsigned long (*gpumem_shrink_fn)(struct shrinker *shrinker,
					  struct shrink_control *sc);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *gpumem_shrinker_register(gpumem_shrink_fn count,
							gpumem_shrink_fn scan,
							const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
	return shrinker;
}

static inline void gpumem_shrinker_unregister(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#else
static inline struct shrinker *gpumem_shrinker_register(gpumem_shrink_fn count,
							gpumem_shrink_fn scan,
							const char *name)
{
	struct shrinker *shrinker = shrinker_alloc(0, "%s", name);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	return shrinker;
}

static inline void gpumem_shrinker_unregister(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#endif

#endif /* _GPUMEM_COMPAT_SHRINKER_H_ */
