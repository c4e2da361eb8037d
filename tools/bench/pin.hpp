// SPDX-License-Identifier: MIT
// What a pin costs by the size of the buffer.
#pragma once

#include "ratio_reporter.hpp"

#include <vector>

namespace bench {

// Registers the benchmarks; returns what to compare.
std::vector<Ratio> add_pin();

} // namespace bench
