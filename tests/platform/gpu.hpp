// SPDX-License-Identifier: MIT
// The GPU's buffers: 35 % of memory, of many sizes, with long and short lives,
// made side by side page by page as a program's textures, meshes and frames
// are.
#pragma once

#include "platform/options.hpp"
#include "platform/shared.hpp"

namespace platform {

// Runs until the end; buffers of which a page cannot be had are given up.
void run_gpu(const Options &options, Shared &shared);

} // namespace platform
