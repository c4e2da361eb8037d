// SPDX-License-Identifier: MIT
#include "physmem/bo_pages.hpp"

#include "error.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace tool {
namespace {

bool state_of(std::string_view word, page_class &out) {
    // A purgeable page can move as well, and what a purged buffer still has is
    // on its way out; one that an importer has mapped stays until that lets go.
    if (word == "movable" || word == "purgeable" || word == "purged")
        out = page_class::gpumem_movable;
    else if (word == "pinned" || word == "mapped")
        out = page_class::gpumem_pinned;
    else if (word == "unmovable")
        out = page_class::gpumem_unmovable;
    else
        return false;
    return true;
}

// Takes a number and the blanks after it off the front of @line.
bool take_number(std::string_view &line, std::uint64_t &out) {
    auto [end, err] =
        std::from_chars(line.data(), line.data() + line.size(), out);
    if (err != std::errc())
        return false;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    const auto word = line.find_first_not_of(' ');
    if (word == 0 || word == std::string_view::npos)
        return false;
    line.remove_prefix(word);
    return true;
}

// "<first pfn> <count> <object id> <first page index> <state>"
bool parse_run(std::string_view line, bo_run &run) {
    return take_number(line, run.first_pfn) && take_number(line, run.count) &&
           take_number(line, run.object) &&
           take_number(line, run.first_index) && state_of(line, run.state) &&
           run.count > 0;
}

} // namespace

// By hand, not with streams: fragmented memory has a line for every page.
std::vector<bo_run> parse_bo_pages(const std::string &text) {
    std::vector<bo_run> runs;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (line.empty() || line.front() == '#')
            continue;
        bo_run run{};
        if (!parse_run(line, run))
            throw failure("gpumem/pages: cannot read the line '" +
                          std::string(line) + "'");
        runs.push_back(run);
    }
    return runs;
}

} // namespace tool
