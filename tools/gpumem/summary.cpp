// SPDX-License-Identifier: MIT
#include "summary.hpp"

#include <algorithm>
#include <numeric>

namespace tool {

std::uint64_t highest(const std::vector<std::uint64_t> &values) {
    const auto it = std::max_element(values.begin(), values.end());
    return it == values.end() ? 0 : *it;
}

std::uint64_t median(std::vector<std::uint64_t> values) {
    if (values.empty())
        return 0;
    const auto middle = values.begin() + (values.size() - 1) / 2;
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double mean(const std::vector<std::uint64_t> &values) {
    if (values.empty())
        return 0;
    const auto sum = std::accumulate(values.begin(), values.end(), 0.0);
    return sum / static_cast<double>(values.size());
}

} // namespace tool
