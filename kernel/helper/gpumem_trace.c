// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints are instantiated. */
#define CREATE_TRACE_POINTS
#include "gpumem_trace.h"
