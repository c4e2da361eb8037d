// SPDX-License-Identifier: MIT
#include "physmem/iomem.hpp"

#include "error.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>

namespace tool {
namespace {

bool from_hex(std::string_view text, std::uint64_t &out) {
    auto [end, err] =
        std::from_chars(text.data(), text.data() + text.size(), out, 16);
    return err == std::errc() && end == text.data() + text.size();
}

} // namespace

std::vector<pfn_range> parse_iomem(const std::string &text) {
    constexpr std::uint64_t page = 4096;
    std::vector<pfn_range> ranges;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        // "00100000-7ffdbfff : System RAM"; deeper entries are indented.
        const auto dash = line.find('-');
        const auto colon = line.find(" : ");
        if (dash == std::string::npos || colon == std::string::npos ||
            dash > colon || line.substr(colon + 3) != "System RAM")
            continue;
        std::uint64_t first = 0, last = 0;
        if (!from_hex(std::string_view(line).substr(0, dash), first) ||
            !from_hex(
                std::string_view(line).substr(dash + 1, colon - dash - 1),
                last))
            continue;
        const pfn_range r{(first + page - 1) / page, (last + 1) / page};
        if (r.first < r.end)
            ranges.push_back(r);
    }
    if (ranges.empty())
        throw failure("/proc/iomem names no RAM; only root sees addresses");
    std::sort(ranges.begin(), ranges.end(),
              [](const pfn_range &a, const pfn_range &b) {
                  return a.first < b.first;
              });
    return ranges;
}

} // namespace tool
