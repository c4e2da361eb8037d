// SPDX-License-Identifier: MIT
// Memory broken into crumbs: many buffers whose pages are interleaved, most of
// them freed again, so that compaction has reason to move what is left.
#pragma once

#include <gpumem/gpumem.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace support {

class Crumbs {
public:
    struct Buffer {
        gpumem::Bo bo;
        gpumem::Mapping map;
        std::uint64_t number = 0; // place in the order of creation
        std::uint64_t id = 0;     // in debugfs and tracepoints
    };

    // @wanted buffers of 1 MiB are filled page by page in turn; of each four, one
    // stays. Every word of what stays names its buffer, page and place. On a
    // kernel that checks itself there are fewer, though a multiple of four.
    explicit Crumbs(const gpumem::Device &device, std::size_t wanted = 320);

    [[nodiscard]] std::vector<Buffer> &kept() { return kept_; }

    // Names the first wrong word, or is empty.
    [[nodiscard]] std::string first_wrong() const;

private:
    std::vector<Buffer> kept_;
};

// Compacts until at least @pages of the device moved or it has tried often
// enough. Returns the number of pages moved.
std::uint64_t move_pages(const gpumem::Device &device, std::uint64_t pages);

} // namespace support
