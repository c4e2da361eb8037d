// SPDX-License-Identifier: MIT
// What goes through the page cache: a compiler at work on real sources, and
// files that are read, as programs do when they start.
#pragma once

#include "platform/options.hpp"
#include "platform/shared.hpp"

namespace platform {

void run_compiler(const Options &options, Shared &shared);
void run_reader(const Options &options, Shared &shared);

} // namespace platform
