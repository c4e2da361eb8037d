// SPDX-License-Identifier: MIT
#include "physmem/buddyinfo.hpp"

#include "error.hpp"

#include <sstream>

namespace tool {

std::vector<std::uint64_t> parse_buddyinfo(const std::string &text) {
    std::vector<std::uint64_t> sum;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        // "Node 0, zone   Normal   1   2   3 ..."
        std::istringstream words(line);
        std::string node, number, zone, name;
        if (!(words >> node >> number >> zone >> name) || node != "Node" ||
            zone != "zone")
            throw failure("buddyinfo: cannot read the line '" + line + "'");
        std::uint64_t count = 0;
        std::size_t order = 0;
        for (; words >> count; ++order) {
            if (sum.size() <= order)
                sum.resize(order + 1);
            sum[order] += count;
        }
        if (order == 0 || !words.eof())
            throw failure("buddyinfo: cannot read the line '" + line + "'");
    }
    if (sum.empty())
        throw failure("buddyinfo: empty");
    return sum;
}

std::uint64_t blocks_of_order(const std::vector<std::uint64_t> &free,
                              unsigned order) {
    std::uint64_t blocks = 0;
    for (std::size_t i = order; i < free.size(); ++i)
        blocks += free[i] << (i - order);
    return blocks;
}

} // namespace tool
