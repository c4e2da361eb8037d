// SPDX-License-Identifier: MIT
// Asking a verb that runs for long to end: SIGINT, SIGTERM and SIGHUP set a
// flag and interrupt system calls, so that destructors can put things back.
#pragma once

#include <chrono>

namespace tool {

// Idempotent. Handlers are installed without SA_RESTART.
void catch_stop_signals();
bool stop_requested();

// Sleeps; returns early, with true, if a stop was requested.
bool sleep_or_stop(std::chrono::milliseconds time);

} // namespace tool
