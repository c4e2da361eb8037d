// SPDX-License-Identifier: MIT
// Values on the command line. Each parser answers what is wrong in one line.
#pragma once

#include <CLI/CLI.hpp>

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

// Turns a parser above into a CLI11 check, so that bad values are refused
// before anything has been done.
template <typename Parser> CLI::Validator checked_by(Parser parser,
                                                     std::string name) {
    return CLI::Validator(
        [parser](std::string &text) {
            try {
                (void)parser(text);
                return std::string();
            } catch (const std::exception &e) {
                return std::string(e.what());
            }
        },
        std::move(name));
}

} // namespace tool
