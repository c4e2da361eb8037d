// SPDX-License-Identifier: MIT
// Moves the memory of a process to another NUMA node.
#pragma once

#include "stress/report.hpp"

#include <random>

namespace stress {

bool has_two_nodes();

// Of some child of the calling process's parent, from one node to the other.
// False if there was none or it ended meanwhile.
bool move_to_other_node(std::mt19937_64 &random, const Report &report);

} // namespace stress
