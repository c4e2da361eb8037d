// SPDX-License-Identifier: MIT
// Where RAM lies in the physical address space, from /proc/iomem.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tool {

// Page frames first to end, end excluded.
struct pfn_range {
    std::uint64_t first;
    std::uint64_t end;
    bool operator==(const pfn_range &) const = default;
};

// Whole pages of "System RAM", ascending. Throws tool::failure if there are
// none, which is also how /proc/iomem looks to others than root.
std::vector<pfn_range> parse_iomem(const std::string &text);

} // namespace tool
