/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctl contract of gpumem, a DRM driver whose buffers stay movable.
 *
 * Rules for every structure here: fixed-size types, the same layout on 32 and
 * 64 bit, padding must be zero, unknown flags are refused with EINVAL, and an
 * ioctl that fails has changed nothing.
 */
#ifndef _UAPI_GPUMEM_DRM_H_
#define _UAPI_GPUMEM_DRM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

#define DRM_GPUMEM_CREATE	0x00
#define DRM_GPUMEM_MMAP_OFFSET	0x01
#define DRM_GPUMEM_PIN		0x02
#define DRM_GPUMEM_UNPIN	0x03
#define DRM_GPUMEM_QUERY	0x04
#define DRM_GPUMEM_STATS	0x05
#define DRM_GPUMEM_MADVISE	0x06
#define DRM_GPUMEM_COMPACT	0x07

/**
 * struct drm_gpumem_create - create a buffer
 *
 * The buffer reads as zeros and takes no memory until a page is touched or the
 * buffer is pinned. A touch for which there is no memory is SIGBUS.
 *
 * Errors: EINVAL (size 0 or so large that rounding up overflows, unknown
 * flags), ENOMEM (larger than the machine's memory, or no memory or offset
 * space for the bookkeeping).
 */
struct drm_gpumem_create {
	/** @size: in: bytes wanted; out: rounded up to whole pages. */
	__u64 size;
	/** @flags: must be 0. */
	__u32 flags;
	/** @handle: out: the GEM handle. Must be 0 on entry. */
	__u32 handle;
};

/**
 * struct drm_gpumem_mmap_offset - where to mmap() a buffer on the DRM fd
 *
 * Errors: ENOENT (no such handle), EINVAL (padding, flags).
 */
struct drm_gpumem_mmap_offset {
	/** @handle: GEM handle. */
	__u32 handle;
	/** @flags: must be 0. */
	__u32 flags;
	/** @offset: out: offset for mmap(). Must be 0 on entry. */
	__u64 offset;
};

/** Most handles that one pin or unpin call takes. */
#define GPUMEM_PIN_MAX_HANDLES	4096

/*
 * The pin may last for long, as one for a device that keeps the addresses. Pages
 * that may lie in memory which must stay free of such pins (ZONE_MOVABLE, CMA) are
 * replaced first. For GPUMEM_PIN only; undone as any pin.
 *
 * If there is a page to replace, the call first waits until the buffer's fences
 * have signalled, however long that takes. Whoever wants the buffer's reservation
 * meanwhile, to attach a fence or to map its dma-buf, waits as well. A signal ends
 * the wait; libgpumem makes the call again unless the signal kills.
 */
#define GPUMEM_PIN_LONGTERM	(1 << 0)

/**
 * struct drm_gpumem_pin - pin or unpin buffers, all or nothing
 *
 * A pinned buffer has all its pages resident and they stay where they are.
 * Pins are counted per buffer and per open file; closing the last handle of a
 * buffer in a file, or the file, drops the pins that the file holds on it. A
 * handle that stands in the array twice is pinned or unpinned twice. Pages that
 * became resident before a pin failed at a later handle stay resident, unpinned.
 *
 * Without CAP_IPC_LOCK, memory that a file keeps pinned counts against
 * RLIMIT_MEMLOCK, in one account with io_uring's registered buffers of the user
 * who opened the file; a buffer counts once, however often the file pins it.
 *
 * Errors: EINVAL (count 0, unknown flags; unpin: not pinned that often by this
 * file), E2BIG (count over GPUMEM_PIN_MAX_HANDLES), ENOENT (no such handle),
 * EFAULT (the array cannot be read), ENOMEM (no memory for pages, or RLIMIT_MEMLOCK;
 * unpin: no memory for an array of more than 8 handles), EINTR (killed while
 * allocating or waiting;
 * GPUMEM_PIN_LONGTERM: any signal while waiting for the buffer's reservation or
 * fences, after which the call may be made again), EOVERFLOW (pin count would
 * wrap), EBUSY (GPUMEM_PIN_LONGTERM: a page has to be replaced and is in use, or
 * pinned for a short time), EHWPOISON (GPUMEM_PIN_LONGTERM: a page cannot be
 * read), ENODATA (the contents were purged: see struct drm_gpumem_madvise), EIO (a
 * compressed page was damaged: likewise).
 */
struct drm_gpumem_pin {
	/** @handles: user pointer to an array of __u32 GEM handles. */
	__u64 handles;
	/** @count: number of handles in the array. */
	__u32 count;
	/** @flags: GPUMEM_PIN_* bits for a pin, 0 for an unpin. */
	__u32 flags;
};

/** The contents are needed. */
#define GPUMEM_MADV_WILLNEED	0
/** Nobody needs the contents; the kernel may take the pages. */
#define GPUMEM_MADV_DONTNEED	1
/** The contents are needed, but not soon; the kernel may keep them compressed. */
#define GPUMEM_MADV_COLD	2

/**
 * struct drm_gpumem_madvise - say whether a buffer's contents are needed
 *
 * The advice is the buffer's, whoever gives it. Under memory pressure the kernel
 * takes the pages of buffers that are advised GPUMEM_MADV_DONTNEED, those of the
 * longest unused first, unless the buffer is pinned, was exported or named,
 * has an unsignalled fence, or somebody uses one of its pages. A purged buffer gives
 * SIGBUS when it is touched and cannot be pinned or exported, until it is advised
 * GPUMEM_MADV_WILLNEED or GPUMEM_MADV_COLD: then it reads as zeros.
 *
 * GPUMEM_MADV_COLD compresses the buffer's pages before it returns: those that get
 * smaller by it and that nobody else uses at the time. What stays, stays, and is no
 * error: all of a buffer that is pinned, was exported or named, or has an unsignalled
 * fence. The contents come back, page by page, when they are touched, and all of them
 * with a pin. A page for which there is no memory then is SIGBUS, or ENOMEM to a pin,
 * and stays compressed; one whose compressed bytes were damaged is SIGBUS or EIO, and
 * the buffer is purged when it is advised GPUMEM_MADV_DONTNEED.
 *
 * Errors: ENOENT (no such handle), EINVAL (unknown advice, a field that must be 0
 * is not), EOPNOTSUPP (an imported buffer), EINTR (killed while waiting).
 */
struct drm_gpumem_madvise {
	/** @handle: GEM handle. */
	__u32 handle;
	/** @advice: GPUMEM_MADV_*. */
	__u32 advice;
	/**
	 * @retained: out: 1 if the contents are those that were written last, 0
	 * if they were taken. Must be 0 on entry.
	 */
	__u32 retained;
	/** @pad: must be 0. */
	__u32 pad;
};

/** The buffer was imported from another device's dma-buf. */
#define GPUMEM_QUERY_IMPORTED	(1 << 0)
/** The buffer's pages can be moved while it is not pinned. */
#define GPUMEM_QUERY_MOVABLE	(1 << 1)
/** The buffer was advised GPUMEM_MADV_DONTNEED. */
#define GPUMEM_QUERY_DONTNEED	(1 << 2)
/** The buffer's contents were taken. */
#define GPUMEM_QUERY_PURGED	(1 << 3)

/**
 * struct drm_gpumem_query - the state of one buffer
 *
 * All fields except @handle are outputs and must be 0 on entry.
 *
 * Errors: ENOENT (no such handle), EINVAL (a field that must be 0 is not).
 */
struct drm_gpumem_query {
	/** @handle: in: GEM handle. */
	__u32 handle;
	/** @flags: out: GPUMEM_QUERY_* bits. */
	__u32 flags;
	/** @size: bytes. */
	__u64 size;
	/** @resident_pages: pages that have memory now. */
	__u64 resident_pages;
	/** @pins: pins held on the buffer by anyone, importers and vmaps included. */
	__u64 pins;
	/** @file_pins: pins held through the calling file. */
	__u64 file_pins;
	/** @moved: times that a page of this buffer was moved. */
	__u64 moved;
	/** @cold_pages: pages that are compressed; not in @resident_pages. */
	__u64 cold_pages;
};

/** How the pages of buffers are made movable. */
#define GPUMEM_BACKING_MOPS	1
#define GPUMEM_BACKING_GEMFS	2

/** New buffers get movable pages (0 with the module parameter movable=0). */
#define GPUMEM_STATS_MOVABLE	(1 << 0)

/**
 * struct drm_gpumem_stats - counters over all buffers
 *
 * All fields are outputs and must be 0 on entry. The first group is the state
 * now, the second counts events since gpumem_helper.ko was loaded. Buffers that
 * other drivers make with the helper are in both.
 *
 * Errors: EINVAL (a field that must be 0 is not).
 */
struct drm_gpumem_stats {
	/** @backing: GPUMEM_BACKING_*. */
	__u32 backing;
	/** @flags: GPUMEM_STATS_* bits. */
	__u32 flags;
	/** @objects: buffers that exist. */
	__u64 objects;
	/** @bytes: sum of their sizes. */
	__u64 bytes;
	/** @resident_pages: pages that have memory now. */
	__u64 resident_pages;
	/** @pinned_objects: buffers with at least one pin. */
	__u64 pinned_objects;

	/**
	 * @isolated: pages that the kernel took aside to move them. With gemfs
	 * the kernel does not say, and it is 0.
	 */
	__u64 isolated;
	/** @moved: pages moved. */
	__u64 moved;
	/** @put_back: pages that were taken aside and given back; as @isolated. */
	__u64 put_back;
	/**
	 * @refused_pinned: moves refused because the buffer was pinned. With
	 * gemfs, kernels from 6.12 on are told beforehand and do not ask.
	 */
	__u64 refused_pinned;
	/**
	 * @refused_busy: moves refused because a lock or fence was held or
	 * somebody used the page (direct I/O, a pipe).
	 */
	__u64 refused_busy;
	/** @faults: page faults taken on mappings of buffers. */
	__u64 faults;
	/** @purged: pages taken from buffers advised GPUMEM_MADV_DONTNEED. */
	__u64 purged;
	/** @cold_pages: a state: pages that are compressed now. */
	__u64 cold_pages;
	/** @evicted: pages compressed. */
	__u64 evicted;
	/** @restored: pages that came back from being compressed. */
	__u64 restored;
};

/** Most pages that one compaction moves. */
#define GPUMEM_COMPACT_MAX_PAGES	65536

/**
 * struct drm_gpumem_compact - make page blocks free by moving pages of buffers
 *
 * Pages of the device's buffers leave the emptiest page blocks (2 MiB on most
 * machines) that hold nothing else, for places in fuller ones. The kernel does the
 * same when somebody wants a large block; this comes before anybody has to wait for
 * it. A call goes on where the last one has stopped, so small budgets are enough: a
 * call for each frame comes as far as one with a large budget. Pages that the kernel
 * may not move, as those of pinned buffers, stay.
 *
 * For CAP_SYS_ADMIN, as whoever uses a page that moves waits for it. One call
 * compacts at a time. A signal, or memory that is about to be removed, ends a call
 * early, as if time were up, and it succeeds with what it has done. The time is looked
 * at between two pages, and between two times 256 pages that are only looked at; what a
 * call gives back at its end comes on top.
 *
 * Freed pages may be in the free lists of CPUs for a while; the kernel empties these
 * when it lacks a large block.
 *
 * Errors: EACCES (no CAP_SYS_ADMIN), EINVAL (@pages is 0 or over
 * GPUMEM_COMPACT_MAX_PAGES, unknown flags, a field that must be 0 is not), EBUSY
 * (another compaction is under way), ENOMEM (no memory for the bookkeeping).
 */
struct drm_gpumem_compact {
	/** @pages: in: move no more pages than this. */
	__u64 pages;
	/** @time_ns: in: take no longer than this; 0: as long as it takes. */
	__u64 time_ns;
	/** @flags: must be 0. */
	__u32 flags;
	/**
	 * @done: out: 1 if no block is left that could be made free for now. What is
	 * busy, or has no room to go to, does not count as that before the third call
	 * in a row that finds nothing else. Must be 0 on entry, as all that follows.
	 */
	__u32 done;
	/** @pages_moved: out: pages moved. */
	__u64 pages_moved;
	/**
	 * @blocks_freed: out: page blocks that were left and have no page in use. If
	 * @done is 0, some of their pages are kept for the next call, which has to
	 * know them: for a tenth of a second.
	 */
	__u64 blocks_freed;
	/** @pages_scanned: out: pages looked at, for what it cost. */
	__u64 pages_scanned;
};

#define DRM_IOCTL_GPUMEM_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_GPUMEM_CREATE, struct drm_gpumem_create)
#define DRM_IOCTL_GPUMEM_MMAP_OFFSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_GPUMEM_MMAP_OFFSET, \
		 struct drm_gpumem_mmap_offset)
#define DRM_IOCTL_GPUMEM_PIN \
	DRM_IOW(DRM_COMMAND_BASE + DRM_GPUMEM_PIN, struct drm_gpumem_pin)
#define DRM_IOCTL_GPUMEM_UNPIN \
	DRM_IOW(DRM_COMMAND_BASE + DRM_GPUMEM_UNPIN, struct drm_gpumem_pin)
#define DRM_IOCTL_GPUMEM_QUERY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_GPUMEM_QUERY, struct drm_gpumem_query)
#define DRM_IOCTL_GPUMEM_STATS \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_GPUMEM_STATS, struct drm_gpumem_stats)

#define DRM_IOCTL_GPUMEM_MADVISE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_GPUMEM_MADVISE, \
		 struct drm_gpumem_madvise)
#define DRM_IOCTL_GPUMEM_COMPACT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_GPUMEM_COMPACT, \
		 struct drm_gpumem_compact)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_GPUMEM_DRM_H_ */
