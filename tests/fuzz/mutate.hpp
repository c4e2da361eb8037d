// SPDX-License-Identifier: MIT
// Changes of programs that keep calls whole, for the engine to choose among.
#pragma once

#include "fuzz/program.hpp"

#include <functional>
#include <random>

namespace fuzz {

// Changes bytes in place; returns how many of them count.
using MutateBytes = std::function<std::size_t(std::uint8_t *, std::size_t size,
                                              std::size_t max)>;

// Inserts, repeats, moves, removes or changes calls; @bytes changes the
// arguments of one. Never longer than @max_calls.
Program mutate(Program program, std::size_t max_calls, std::uint32_t seed,
               const MutateBytes &bytes);

// The beginning of one and the end of the other.
Program cross(const Program &first, const Program &second,
              std::size_t max_calls, std::uint32_t seed);

} // namespace fuzz
