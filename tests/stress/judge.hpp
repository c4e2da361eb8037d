// SPDX-License-Identifier: MIT
// What a run must have done, and must have left as it was.
#pragma once

#include "stress/processes.hpp"
#include "stress/report.hpp"
#include "stress/totals.hpp"

#include <gpumem/gpumem.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace stress {

// What the driver did in a run.
struct Work {
    std::uint64_t moved = 0;      // pages
    std::uint64_t compressed = 0; // without those of one word
    std::uint64_t restored = 0;   // with those of one word
};

// What the driver has counted since its helper was loaded.
Work work_of(const gpumem::Device &device);
Work operator-(const Work &now, const Work &before);

// What is there of buffers.
struct State {
    std::uint64_t buffers = 0;
    std::uint64_t bytes = 0;
    std::uint64_t resident_pages = 0;
    std::uint64_t cold_pages = 0;
    std::uint64_t pieces = 0; // in the store
    std::uint64_t pinned = 0; // buffers
};
State state_of(const gpumem::Device &device);

// What differs @now, in words.
std::vector<std::string> differences(const State &before, const State &now);

// Fails the run if there are any. What was killed may live a little longer, so
// it waits for that.
void expect_as_before(const gpumem::Device &device, const State &before,
                      const Report &report);

// Operations that were excused, for want of memory or because something was
// busy, more often than not: then that is what they do, in words.
std::vector<std::string> excused_too_often(const Totals &totals);

// A run that did nothing has shown nothing. What is missing of all operations
// and moves that the guest @can do, in words.
std::vector<std::string> not_done(const RunOptions &options,
                                  const std::function<bool(Move)> &can,
                                  bool has_pages, const Ends &ends,
                                  const Work &work, const Totals &totals);

} // namespace stress
