// SPDX-License-Identifier: MIT
// One process of the run: threads that do operations at random on shared slots.
#pragma once

#include "stress/refusals.hpp"
#include "stress/report.hpp"
#include "stress/totals.hpp"

#include <cstddef>
#include <cstdint>

namespace stress {

// A disk that moves data by DMA, or as if: what O_DIRECT is for.
inline constexpr const char *DISK = "/dev/ram0";
inline constexpr std::size_t DISK_PAGES = 1024;

struct WorkerOptions {
    std::uint64_t seed = 0;
    // Lives in a group that has too little memory for it.
    bool limited = false;
    // Of the process among those at work, less than MOST_PROCESSES.
    std::size_t place = 0;
    unsigned threads = 2;
    unsigned slots = 12;
    unsigned max_pages = 256;
    // Of all threads; then the process ends and closes what it has.
    std::uint64_t operations = 0;
};

// Until the run stops or enough is done.
void work(const WorkerOptions &options, const Refusals &refusals,
          const Report &report, Totals &totals);

} // namespace stress
