// SPDX-License-Identifier: MIT
#include "support/page_owner.hpp"

#include "support/system.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace support {
namespace {

constexpr std::chrono::seconds PATIENCE{30};

const std::string OWNERS = "/sys/kernel/debug/page_owner";
// From 6.10 on: a line for each trace instead of one for each page.
const std::string STACKS = "/sys/kernel/debug/page_owner_stacks/show_stacks";

bool is_ours(std::string_view trace) {
    static constexpr std::array<std::string_view, 7> KEPT{
        "allocate_slab", "new_slab", "stack_depot_save", "__pte_alloc_kernel",
        // Of the first compaction, until the module goes.
        "gpumem_compactor_create",
        // A process keeps its page tables, which a fault may have needed.
        "pte_alloc_one", "__change_page_attr"};
    const auto names = [&](std::string_view name) {
        return trace.find(name) != std::string_view::npos;
    };
    // Not the tests' modules: the address of what is gone, as a module's init
    // function, is given the name of what is loaded there later.
    return (names(" [gpumem_helper]") || names(" [gpumem]")) &&
           std::ranges::none_of(KEPT, names);
}

} // namespace

bool page_owner_is_on() {
    return std::filesystem::exists(OWNERS);
}

std::map<std::string, std::uint64_t> pages_of_gpumem() {
    compact_memory(); // empties the LRU batches, which hold pages, first
    const std::string &name = std::filesystem::exists(STACKS) ? STACKS : OWNERS;
    std::ifstream in(name);
    if (!in)
        throw std::runtime_error("cannot open " + name);
    std::map<std::string, std::uint64_t> found;
    std::string trace;
    unsigned long pages = 0;
    for (std::string line; std::getline(in, line);) {
        unsigned long number = 0;
        if (line.empty()) {
            if (is_ours(trace))
                found[trace] += pages;
            trace.clear();
        } else if (line.starts_with(' ')) {
            trace += line + '\n';
        } else if (std::sscanf(line.c_str(), "nr_base_pages: %lu", &number) ==
                   1) {
            pages = number;
        } else if (std::sscanf(line.c_str(), "Page allocated via order %lu",
                               &number) == 1) {
            pages = 1UL << number;
        }
    }
    return found;
}

PageAccount::PageAccount() {
    if (page_owner_is_on())
        before_ = pages_of_gpumem();
}

std::vector<std::string> PageAccount::lost() const {
    using clock = std::chrono::steady_clock;
    std::vector<std::string> found;
    const auto end = clock::now() + PATIENCE;
    do {
        found.clear();
        if (!page_owner_is_on())
            break;
        for (const auto &[trace, pages] : pages_of_gpumem()) {
            const auto was = before_.find(trace);
            const std::uint64_t before = was == before_.end() ? 0 : was->second;
            if (pages > before)
                found.push_back(std::to_string(pages - before) +
                                " pages are lost:\n" + trace);
        }
    } while (!found.empty() && clock::now() < end);
    return found;
}

} // namespace support
