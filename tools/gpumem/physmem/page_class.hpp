// SPDX-License-Identifier: MIT
// What a page of physical memory is used for, as far as a person looking at
// fragmentation cares. Knows nothing of how the pages are drawn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tool {

enum class page_class : std::uint8_t {
    absent,      // no RAM there
    free_block,  // free, and so is the whole 2 MiB block around it
    free_crumb,  // free, in a block that is not
    page_cache,  // file pages and shared memory; movable or droppable
    anonymous,   // memory of processes; movable
    gpumem_movable,
    gpumem_pinned,
    gpumem_unmovable,
    huge,        // in the pool of huge pages
    kernel,      // everything else; does not move
};
inline constexpr std::size_t page_classes = 10;

// Short name for JSON, and a line for people.
const char *key_of(page_class c);
const char *label_of(page_class c);

// By the bits of /proc/kpageflags alone: a free page is a free_crumb, and a
// page of gpumem is kernel.
page_class classify_flags(std::uint64_t kpageflags);

using class_counts = std::array<std::uint64_t, page_classes>;

} // namespace tool
