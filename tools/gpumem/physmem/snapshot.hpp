// SPDX-License-Identifier: MIT
// All physical memory at one moment, page by page. Taken while the machine
// runs, so pages may be a few milliseconds apart.
#pragma once

#include "physmem/bo_pages.hpp"
#include "physmem/iomem.hpp"
#include "physmem/page_class.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace tool {

inline constexpr std::uint64_t pages_per_block = 512; // 2 MiB, order 9

class snapshot {
public:
    // @flags answers the kpageflags of the pages of a range.
    using flags_reader =
        std::function<std::vector<std::uint64_t>(const pfn_range &)>;
    snapshot(const std::vector<pfn_range> &ram, const flags_reader &flags,
             std::span<const bo_run> bo_pages);

    // From /proc and debugfs. Throws tool::failure if not root.
    static snapshot of_this_machine();

    // Blocks of pages_per_block pages that hold any RAM, ascending; the pages
    // of a block that are not RAM are absent.
    std::size_t blocks() const { return first_pfn_.size(); }
    std::uint64_t first_pfn(std::size_t block) const {
        return first_pfn_[block];
    }
    std::span<const page_class> pages(std::size_t block) const {
        return std::span(pages_).subspan(block * pages_per_block,
                                         pages_per_block);
    }
    class_counts counts() const;

private:
    page_class *find(std::uint64_t pfn);

    std::vector<std::uint64_t> first_pfn_;
    std::vector<page_class> pages_;
};

} // namespace tool
