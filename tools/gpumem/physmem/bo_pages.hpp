// SPDX-License-Identifier: MIT
// The pages of gpumem's buffers, from the driver's debugfs file `pages`.
#pragma once

#include "physmem/page_class.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tool {

// Physically contiguous pages of one buffer.
struct bo_run {
    std::uint64_t first_pfn;
    std::uint64_t count;
    std::uint64_t object;
    std::uint64_t first_index;
    page_class state;
};

// Throws tool::failure on a line that it cannot read.
std::vector<bo_run> parse_bo_pages(const std::string &text);

} // namespace tool
