// SPDX-License-Identifier: MIT
// Values on the command line. Each parser answers what is wrong in one line.
#pragma once

#include <string>
#include <string_view>

namespace tool {

// N out of every M, with 1 <= N < M.
struct fraction {
    unsigned part;
    unsigned whole;
};

// Throws failure(usage).
fraction parse_fraction(std::string_view text);

// A whole number of seconds or with decimals, above 0 and up to a day.
double parse_seconds(std::string_view text);

} // namespace tool
