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

// Fails the run if buffers, their bytes, their pages or pins are not as many as
// @before. What was killed may live a little longer, so it waits for that.
void expect_as_before(const gpumem::Device &device,
                      const gpumem::DeviceStats &before, const Report &report);

// A run that did nothing has shown nothing. What is missing of all operations
// and moves that the guest @can do, in words.
std::vector<std::string> not_done(const RunOptions &options,
                                  const std::function<bool(Move)> &can,
                                  bool has_pages, const Ends &ends,
                                  std::uint64_t moved, const Totals &totals);

} // namespace stress
