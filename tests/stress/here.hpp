// SPDX-License-Identifier: MIT
// What can be done on this guest: a run must do all of it.
#pragma once

#include "stress/totals.hpp"

#include <array>
#include <string>

namespace stress {

class Here {
public:
    // @has_pages: the pages of mappings are the kernel's as well (gemfs).
    // @unplug: the device is to be unplugged.
    Here(bool has_pages, bool unplug);

    [[nodiscard]] bool can(Move move) const { return why_not(move).empty(); }
    [[nodiscard]] const std::string &why_not(Move move) const {
        return why_not_[static_cast<std::size_t>(move)];
    }
    void print() const;

private:
    std::array<std::string, MOVE_NAMES.size()> why_not_;
};

} // namespace stress
