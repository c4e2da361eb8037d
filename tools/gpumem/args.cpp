// SPDX-License-Identifier: MIT
#include "args.hpp"

#include "error.hpp"

#include <charconv>
#include <fmt/format.h>

namespace tool {
namespace {

template <typename T> bool whole_text_to(std::string_view text, T &out) {
    auto [end, err] =
        std::from_chars(text.data(), text.data() + text.size(), out);
    return err == std::errc() && end == text.data() + text.size();
}

} // namespace

fraction parse_fraction(std::string_view text) {
    const auto slash = text.find('/');
    fraction f{};
    if (slash == std::string_view::npos ||
        !whole_text_to(text.substr(0, slash), f.part) ||
        !whole_text_to(text.substr(slash + 1), f.whole) || f.part == 0 ||
        f.part >= f.whole)
        throw failure(
            fmt::format("'{}' is not a fraction between 0 and 1 such as 1/4",
                        text),
            exit_status::usage);
    return f;
}

double parse_seconds(std::string_view text) {
    constexpr double day = 24 * 60 * 60;
    double s = 0;
    if (!whole_text_to(text, s) || !(s > 0) || s > day)
        throw failure(
            fmt::format("'{}' is not a number of seconds above 0 and up to {}",
                        text, day),
            exit_status::usage);
    return s;
}

} // namespace tool
