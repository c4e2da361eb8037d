// SPDX-License-Identifier: MIT
// A buffer of which only a mapping is left: no handle, no file of a dma-buf.
// One thread has it.
#pragma once

#include "stress/report.hpp"
#include "stress/slot.hpp"
#include "stress/totals.hpp"
#include "stress/window.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace stress {

class Orphan {
public:
    // @window maps the slot's whole buffer, which the caller has alone.
    Orphan(Window window, const Slot &slot);

    // Throw Unreachable.
    void check(std::size_t page, const Report &report, Totals &totals) const;
    // All that was written, or all if any page moved since somebody looked: then
    // these moves are verified.
    void check_all(const Report &report, Totals &totals) const;

    [[nodiscard]] std::size_t pages() const { return versions_.size(); }
    [[nodiscard]] bool is_old() const;

private:
    Window window_;
    std::uint64_t number_;
    std::uint64_t object_;
    std::uint64_t moves_seen_;
    std::uint64_t moves_; // when it lost its handle
    std::vector<std::uint32_t> versions_;
    std::vector<std::uint8_t> torn_;
    std::chrono::steady_clock::time_point since_;
};

} // namespace stress
