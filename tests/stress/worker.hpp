// SPDX-License-Identifier: MIT
// One process of the run: threads that do operations at random on shared slots.
#pragma once

#include "stress/totals.hpp"

#include <cstdint>

namespace stress {

struct WorkerOptions {
    std::uint64_t seed = 0;
    unsigned threads = 2;
    unsigned slots = 12;
    unsigned max_pages = 256;
    // Of all threads; then the process ends and closes what it has.
    std::uint64_t operations = 0;
};

// Until the run stops or enough is done.
void work(const WorkerOptions &options, Totals &totals);

} // namespace stress
