// SPDX-License-Identifier: MIT
// What makes the kernel move memory, again and again, until the run stops.
#pragma once

#include "stress/report.hpp"
#include "stress/totals.hpp"

#include <cstdint>

namespace stress {

// Needs root, and the device open.
void move_memory(std::uint64_t seed, const Report &report, Totals &totals);

} // namespace stress
