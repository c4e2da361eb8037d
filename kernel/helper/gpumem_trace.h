/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, one for each thing that can happen to a page or a pin. A page
 * is named by its object's id and its index in the object.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gpumem

#if !defined(_GPUMEM_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _GPUMEM_TRACE_H_

#include <linux/tracepoint.h>
#include <linux/types.h>

DECLARE_EVENT_CLASS(gpumem_page,
	TP_PROTO(u64 object, unsigned long index, unsigned long pfn),
	TP_ARGS(object, index, pfn),
	TP_STRUCT__entry(
		__field(u64, object)
		__field(unsigned long, index)
		__field(unsigned long, pfn)
	),
	TP_fast_assign(
		__entry->object = object;
		__entry->index = index;
		__entry->pfn = pfn;
	),
	TP_printk("object=%llu index=%lu pfn=%lu",
		  __entry->object, __entry->index, __entry->pfn)
);

DEFINE_EVENT(gpumem_page, gpumem_isolate,
	TP_PROTO(u64 object, unsigned long index, unsigned long pfn),
	TP_ARGS(object, index, pfn)
);

DEFINE_EVENT(gpumem_page, gpumem_putback,
	TP_PROTO(u64 object, unsigned long index, unsigned long pfn),
	TP_ARGS(object, index, pfn)
);

TRACE_EVENT(gpumem_migrate,
	TP_PROTO(u64 object, unsigned long index, unsigned long src,
		 unsigned long dst, int ret),
	TP_ARGS(object, index, src, dst, ret),
	TP_STRUCT__entry(
		__field(u64, object)
		__field(unsigned long, index)
		__field(unsigned long, src)
		__field(unsigned long, dst)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->object = object;
		__entry->index = index;
		__entry->src = src;
		__entry->dst = dst;
		__entry->ret = ret;
	),
	TP_printk("object=%llu index=%lu src=%lu dst=%lu ret=%d",
		  __entry->object, __entry->index, __entry->src, __entry->dst,
		  __entry->ret)
);

TRACE_EVENT(gpumem_fault,
	TP_PROTO(u64 object, unsigned long index, int ret),
	TP_ARGS(object, index, ret),
	TP_STRUCT__entry(
		__field(u64, object)
		__field(unsigned long, index)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->object = object;
		__entry->index = index;
		__entry->ret = ret;
	),
	TP_printk("object=%llu index=%lu ret=%d",
		  __entry->object, __entry->index, __entry->ret)
);

DECLARE_EVENT_CLASS(gpumem_pins,
	TP_PROTO(u64 object, unsigned int pins),
	TP_ARGS(object, pins),
	TP_STRUCT__entry(
		__field(u64, object)
		__field(unsigned int, pins)
	),
	TP_fast_assign(
		__entry->object = object;
		__entry->pins = pins;
	),
	TP_printk("object=%llu pins=%u", __entry->object, __entry->pins)
);

DEFINE_EVENT(gpumem_pins, gpumem_pin,
	TP_PROTO(u64 object, unsigned int pins),
	TP_ARGS(object, pins)
);

DEFINE_EVENT(gpumem_pins, gpumem_unpin,
	TP_PROTO(u64 object, unsigned int pins),
	TP_ARGS(object, pins)
);

TRACE_EVENT(gpumem_revoke,
	TP_PROTO(u64 object),
	TP_ARGS(object),
	TP_STRUCT__entry(
		__field(u64, object)
	),
	TP_fast_assign(
		__entry->object = object;
	),
	TP_printk("object=%llu", __entry->object)
);

TRACE_EVENT(gpumem_purge,
	TP_PROTO(u64 object, unsigned long pages),
	TP_ARGS(object, pages),
	TP_STRUCT__entry(
		__field(u64, object)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->object = object;
		__entry->pages = pages;
	),
	TP_printk("object=%llu pages=%lu", __entry->object, __entry->pages)
);

TRACE_EVENT(gpumem_evict,
	TP_PROTO(u64 object, unsigned long index, unsigned int bytes),
	TP_ARGS(object, index, bytes),
	TP_STRUCT__entry(
		__field(u64, object)
		__field(unsigned long, index)
		__field(unsigned int, bytes)
	),
	TP_fast_assign(
		__entry->object = object;
		__entry->index = index;
		__entry->bytes = bytes;
	),
	TP_printk("object=%llu index=%lu bytes=%u",
		  __entry->object, __entry->index, __entry->bytes)
);

TRACE_EVENT(gpumem_restore,
	TP_PROTO(u64 object, unsigned long index, int ret),
	TP_ARGS(object, index, ret),
	TP_STRUCT__entry(
		__field(u64, object)
		__field(unsigned long, index)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->object = object;
		__entry->index = index;
		__entry->ret = ret;
	),
	TP_printk("object=%llu index=%lu ret=%d",
		  __entry->object, __entry->index, __entry->ret)
);

#endif /* _GPUMEM_TRACE_H_ */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE gpumem_trace
#include <trace/define_trace.h>
