// SPDX-License-Identifier: MIT
// Sums up what the rounds of a storm gave. All answer 0 for no rounds.
#pragma once

#include <cstdint>
#include <vector>

namespace tool {

std::uint64_t highest(const std::vector<std::uint64_t> &values);
// The lower of the two middle values where there are two.
std::uint64_t median(std::vector<std::uint64_t> values);
double mean(const std::vector<std::uint64_t> &values);

} // namespace tool
