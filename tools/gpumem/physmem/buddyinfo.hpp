// SPDX-License-Identifier: MIT
// Free blocks by order, summed over all zones, from /proc/buddyinfo.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tool {

// Element i is the number of free blocks of 2^i pages. Throws tool::failure
// on text that is not a buddyinfo.
std::vector<std::uint64_t> parse_buddyinfo(const std::string &text);

// How many blocks of @order could be cut out of these free blocks.
std::uint64_t blocks_of_order(const std::vector<std::uint64_t> &free,
                              unsigned order);

} // namespace tool
