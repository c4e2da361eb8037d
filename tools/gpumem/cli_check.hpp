// SPDX-License-Identifier: MIT
// Apart from args.hpp, which is read where nobody needs CLI11.
#pragma once

#include <CLI/CLI.hpp>

#include <exception>
#include <string>
#include <utility>

namespace tool {

// Turns a parser of args.hpp into a CLI11 check, so that bad values are refused
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
