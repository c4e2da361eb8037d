// SPDX-License-Identifier: MIT
// Memory that gpumem's modules allocated and that is not free again, by the
// kernel's own account (page_owner=on).
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace support {

// Whether the kernel keeps it.
bool page_owner_is_on();

// Pages by the trace of their allocation, of traces with a function of gpumem.
// Less what the kernel keeps for itself: slabs, page tables of its own, traces.
std::map<std::string, std::uint64_t> pages_of_gpumem();

} // namespace support
