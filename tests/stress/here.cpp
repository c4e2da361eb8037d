// SPDX-License-Identifier: MIT
#include "stress/here.hpp"

#include "stress/blocks.hpp"
#include "stress/nodes.hpp"

#include <fmt/format.h>

namespace stress {

Here::Here(bool has_pages, bool unplug) {
    const auto cannot = [this](Move move, const char *why) {
        why_not_[static_cast<std::size_t>(move)] = why;
    };
    if (movable_blocks().empty())
        cannot(Move::offlining, "no block of ZONE_MOVABLE, see movablecore=");
    if (!has_two_nodes())
        cannot(Move::nodes, "one NUMA node, see numa=fake=2");
    else if (!has_pages)
        cannot(Move::nodes, "PFN mappings have no pages to move");
    if (!unplug)
        cannot(Move::unplug, "not asked for, or not in that time");
}

void Here::print() const {
    fmt::print("moves:");
    for (std::size_t i = 0; i < MOVE_NAMES.size(); ++i)
        if (why_not_[i].empty())
            fmt::print(" {};", MOVE_NAMES[i]);
    fmt::print("\n");
    for (std::size_t i = 0; i < MOVE_NAMES.size(); ++i)
        if (!why_not_[i].empty())
            fmt::print("skipped here: {} ({})\n", MOVE_NAMES[i], why_not_[i]);
}

} // namespace stress
