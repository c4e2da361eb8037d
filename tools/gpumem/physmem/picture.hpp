// SPDX-License-Identifier: MIT
// Draws a snapshot of physical memory: one tile for every 2 MiB block, in it
// one dot for every page (or, on large machines, one colour), and a legend
// with counts. Knows nothing of where the snapshot comes from.
#pragma once

#include "physmem/snapshot.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tool {

enum class cell_kind {
    automatic, // pages as long as the picture stays of a size to look at
    page,
    block,
};

struct picture_text {
    std::string title;
    // Free blocks by order, as parse_buddyinfo() gives them.
    std::vector<std::uint64_t> free_by_order;
};

// Throws tool::failure if the file cannot be written.
void draw_png(const snapshot &memory, cell_kind cells,
              const picture_text &text, const std::string &path);

// The class that a block is coloured with when it has one colour: the one
// most of its pages have.
page_class class_of_block(std::span<const page_class> pages);

} // namespace tool
