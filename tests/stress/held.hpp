// SPDX-License-Identifier: MIT
// What holds pages of a buffer: pins, by which they stay where they are, and
// pipes, by which they stay as they are.
#pragma once

#include "stress/stamp.hpp"

#include <gpumem/gpumem.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace stress {

struct Pinned {
    gpumem::Pin pin;
    // Page frames when it was pinned; 0 where nobody looked, none if it is not
    // known at all.
    std::vector<std::uint64_t> frames;
};

// Counts one while it lives.
struct CountDown {
    void operator()(std::atomic<std::uint64_t> *count) const { --*count; }
};
using Counted = std::unique_ptr<std::atomic<std::uint64_t>, CountDown>;
inline Counted count(std::atomic<std::uint64_t> &number) {
    ++number;
    return Counted(&number);
}

struct InPipe {
    Counted counted; // first, so that it outlives the pipe
    gpumem::UniqueFd out;
    Stamp stamp; // nobody writes the page meanwhile
    std::chrono::steady_clock::time_point since;
};

} // namespace stress
