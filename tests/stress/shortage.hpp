// SPDX-License-Identifier: MIT
// Makes memory short: for all, for a group, for one that the OOM killer takes.
#pragma once

#include "stress/totals.hpp"
#include "support/memory_group.hpp"

#include <cstdint>

namespace stress {

// What the group of the processes that have too little memory may have: less
// than their buffers at their largest.
constexpr std::uint64_t GROUP_BYTES = 5 << 20;

// By others, or by what moves take: calls may answer ENOMEM now.
bool memory_is_short();

// Whether it did what it is for.
bool ask_for_huge_pages(Totals &totals);
bool make_memory_short(Totals &totals);
bool call_the_oom_killer();
bool tighten(const support::MemoryGroup &group);

} // namespace stress
