// SPDX-License-Identifier: MIT
// What makes the kernel move memory, again and again, until the run stops.
#pragma once

#include "stress/here.hpp"
#include "stress/report.hpp"
#include "stress/totals.hpp"
#include "support/memory_group.hpp"

#include <cstdint>

namespace stress {

// Needs root, and the device open. @group: that of the processes that are to
// have little memory.
void move_memory(std::uint64_t seed, const Here &here,
                 const support::MemoryGroup &group, const Report &report,
                 Totals &totals);

} // namespace stress
