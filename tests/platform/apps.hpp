// SPDX-License-Identifier: MIT
// Programs: processes that hold memory, touch some of it and end, and processes
// that are forked and gone at once.
#pragma once

#include "platform/options.hpp"
#include "platform/shared.hpp"

namespace platform {

void run_apps(const Options &options, Shared &shared);
void run_forks(const Options &options, Shared &shared);

} // namespace platform
