// SPDX-License-Identifier: GPL-2.0
/*
 * Backing "gemfs" in user space: the file that mappings have, faults, and taking
 * pages out of all mappings. What a page in a slot is stands at the top of
 * gpumem_gemfs.c; nothing here changes a slot, except that a fault populates it.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_vma_manager.h>

#include "gpumem_gemfs.h"
#include "gpumem_internal.h"
#include "gpumem_trace.h"

/* Neighbours that a fault maps as well, if they are resident. A power of 2. */
#define GPUMEM_FAULT_AROUND	16

/* The folio at @index, locked and with a reference. */
static struct folio *gpumem_gemfs_get(struct gpumem_object *bo, pgoff_t index)
{
	ktime_t start = ktime_get();
	struct folio *folio;
	int ret;

	for (;;) {
		folio = __filemap_get_folio(bo->inode->i_mapping, index,
					    FGP_LOCK, 0);
		if (!IS_ERR(folio)) {
			if (folio_test_uptodate(folio))
				return folio;
			folio_unlock(folio);
			folio_put(folio);
		}

		/* Missing, or a populate is under way that may yet fail. */
		ret = mutex_lock_killable(&bo->lock);
		if (ret)
			return ERR_PTR(ret);
		ret = bo->purge == GPUMEM_PURGED ? -ENODATA :
			gpumem_gemfs_populate(bo, index, 1, 0, start);
		mutex_unlock(&bo->lock);
		if (ret)
			return ERR_PTR(ret);
	}
}

static struct gpumem_object *gpumem_gemfs_object(struct vm_fault *vmf)
{
	return vmf->vma->vm_file->f_mapping->host->i_private;
}

/*
 * Map resident neighbours too, as the kernel does itself for reads. The window
 * is aligned, so it lies in one page table, which the caller of the fault
 * handler has made.
 */
static vm_fault_t gpumem_gemfs_fault_around(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long window = GPUMEM_FAULT_AROUND * PAGE_SIZE;
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE);
	unsigned long start = max(ALIGN_DOWN(addr, window), vma->vm_start);
	unsigned long end = min(ALIGN_DOWN(addr, window) + window, vma->vm_end);
	pgoff_t first = vmf->pgoff - ((addr - start) >> PAGE_SHIFT);
	pgoff_t last = first + ((end - start) >> PAGE_SHIFT) - 1;

	return filemap_map_pages(vmf, first, last);
}

static vm_fault_t gpumem_gemfs_fault(struct vm_fault *vmf)
{
	struct gpumem_object *bo = gpumem_gemfs_object(vmf);
	struct folio *folio;
	vm_fault_t ret;
	int err = 0;
	int idx;

	if (vmf->pgoff >= gpumem_object_pages(bo) ||
	    !drm_dev_enter(bo->base.dev, &idx))
		return VM_FAULT_SIGBUS;

	atomic64_inc(&gpumem_counters.faults);
	gpumem_purge_touch(bo);

	ret = VM_FAULT_SIGBUS;
	err = gpumem_purge_check(bo);
	if (err)
		goto out;

	/* Reads have been through map_pages already. */
	if (vmf->flags & FAULT_FLAG_WRITE) {
		ret = gpumem_gemfs_fault_around(vmf);
		if (ret & VM_FAULT_NOPAGE)
			goto out;
	}

	folio = gpumem_gemfs_get(bo, vmf->pgoff);
	if (IS_ERR(folio)) {
		/*
		 * SIGBUS for a killed task as well: one that faults inside a
		 * system call has no other way out of it.
		 */
		err = PTR_ERR(folio);
		ret = VM_FAULT_SIGBUS;
		goto out;
	}
	vmf->page = folio_file_page(folio, vmf->pgoff);
	ret = VM_FAULT_LOCKED;
	/* The mapping that the idle shrinker took may have been the one before. */
	WRITE_ONCE(bo->touched, jiffies);
out:
	/* The folio lock is what unplugging waits for from here on. */
	drm_dev_exit(idx);
	trace_gpumem_fault(bo->id, vmf->pgoff, err);
	return ret;
}

static vm_fault_t gpumem_gemfs_map_pages(struct vm_fault *vmf, pgoff_t first,
					 pgoff_t last)
{
	struct gpumem_object *bo = gpumem_gemfs_object(vmf);
	vm_fault_t ret;
	int idx;

	/* The fault handler says it with SIGBUS, or waits. */
	if (READ_ONCE(bo->purge) != GPUMEM_KEPT ||
	    !drm_dev_enter(bo->base.dev, &idx))
		return 0;

	ret = filemap_map_pages(vmf, first, last);
	drm_dev_exit(idx);
	if (ret & VM_FAULT_NOPAGE) {
		atomic64_inc(&gpumem_counters.faults);
		trace_gpumem_fault(bo->id, vmf->pgoff, 0);
		gpumem_purge_touch(bo);
	}
	return ret;
}

static const struct vm_operations_struct gpumem_gemfs_vm_ops = {
	.fault = gpumem_gemfs_fault,
	.map_pages = gpumem_gemfs_map_pages,
};

/*
 * The file that mappings of an object have instead of the DRM file. It holds the
 * object, its device and the driver's module for them, and through its operations
 * the helper's module; an object holds its file weakly, so that mappings share
 * one. It is made at the first mmap, as files count against a limit. Its path is
 * anon_inodefs': a path of our own mount would still be in use after the file has
 * let go of the module.
 */
static int gpumem_gemfs_release(struct inode *inode, struct file *file)
{
	struct gpumem_object *bo = file->private_data;
	struct drm_device *dev = bo->base.dev;
	struct module *driver = dev->driver->fops->owner;

	cmpxchg(&bo->file, file, NULL);
	drm_gem_object_put(&bo->base);
	drm_dev_put(dev);
	module_put(driver);
	return 0;
}

static const struct file_operations gpumem_gemfs_fops = {
	.owner = THIS_MODULE,
	.release = gpumem_gemfs_release,
};

static struct file *gpumem_gemfs_get_file(struct gpumem_object *bo)
{
	struct file *file = get_file_active(&bo->file);

	if (file)
		return file;

	file = anon_inode_getfile("gpumem", &gpumem_gemfs_fops, bo, O_RDWR);
	if (IS_ERR(file))
		return file;

	/* The DRM file that is being mapped, or its dma-buf, holds the module. */
	__module_get(bo->base.dev->driver->fops->owner);
	drm_dev_get(bo->base.dev);
	drm_gem_object_get(&bo->base);
	file->f_mapping = bo->inode->i_mapping;
	/* Two mmaps at once may make two files; both are good. */
	smp_store_mb(bo->file, file);
	return file;
}

/**
 * gpumem_gemfs_mmap - &gpumem_backing.mmap
 * @bo: the object, with a reference for the mapping
 * @vma: mapping; its offset counts from the object's fake offset
 *
 * Returns: 0, -EINVAL for a private mapping, -ENFILE or -ENOMEM.
 */
int gpumem_gemfs_mmap(struct gpumem_object *bo, struct vm_area_struct *vma)
{
	struct file *file;

	/* A private copy would not be the buffer's memory. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	file = gpumem_gemfs_get_file(bo);
	if (IS_ERR(file))
		return PTR_ERR(file);

	vma_set_file(vma, file);
	fput(file);
	/* Offsets in our file start at 0, or the reverse map finds nothing. */
	vma->vm_pgoff -= drm_vma_node_start(&bo->base.vma_node);
	vma->vm_ops = &gpumem_gemfs_vm_ops;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);

	/* The file holds the object for the mapping. */
	drm_gem_object_put(&bo->base);
	return 0;
}

/**
 * gpumem_gemfs_unmap - &gpumem_backing.unmap
 * @bo: the object, locked
 */
void gpumem_gemfs_unmap(struct gpumem_object *bo)
{
	pgoff_t i, n = gpumem_object_pages(bo);
	struct folio *folio;

	for (i = 0; i < n; i++) {
		folio = gpumem_gemfs_slot(bo, i);
		if (!folio)
			continue;
		/* Whoever is about to map it holds the lock. */
		folio_lock(folio);
		unmap_mapping_pages(bo->inode->i_mapping, i, 1, false);
		folio_unlock(folio);
		cond_resched();
	}
}
