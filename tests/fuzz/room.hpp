// SPDX-License-Identifier: MIT
// How much a program may have at a time.
#pragma once

#include "fuzz/values.hpp"

#include <cstddef>
#include <cstdint>

namespace fuzz {

// Memory for arguments: an array of as many handles as one pin takes, and more.
inline constexpr std::size_t SCRATCH = 6 << 12;
// A mapping each.
inline constexpr std::size_t WINDOWS = 8;
inline constexpr std::size_t WINDOW = 2 * MAX_SIZE;
inline constexpr std::uint64_t MAX_KEPT = 4 * MAX_SIZE;
inline constexpr std::size_t MAX_FILES = 4;
inline constexpr std::size_t MAX_FDS = 16;

} // namespace fuzz
