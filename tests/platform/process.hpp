// SPDX-License-Identifier: MIT
// A part of the load as a process that ends with the one that started it.
#pragma once

#include "platform/shared.hpp"

#include <chrono>
#include <functional>
#include <sys/types.h>

namespace platform {

using Clock = std::chrono::steady_clock;

// Who is to be taken first when memory is out: the load's leaves, never those
// who start and measure them.
enum class Oom { never, soon };

// What it throws is printed, and makes its status 1.
pid_t start(Oom oom, const std::function<void()> &body);

// The same, or -1, which is counted, where there is no memory for a process.
pid_t try_start(Shared &shared, Oom oom, const std::function<void()> &body);

// Waits and tells whether it was killed for want of memory (or by anyone).
bool was_killed(pid_t child);

// Sleeps unless the run ends first.
void rest(const Shared &shared, std::chrono::nanoseconds time);

} // namespace platform
