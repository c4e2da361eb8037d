// SPDX-License-Identifier: MIT
// Seeds for everybody who chooses at random in a run.
#pragma once

#include <cstdint>

namespace stress {

// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): one wrong bit of the
// input changes half of the output.
constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

// The seed of number @part of whoever has @whole. Runs with neighbouring seeds
// have nothing in common, nor have the processes and threads of a run.
constexpr std::uint64_t seed_of(std::uint64_t whole, std::uint64_t part) {
    constexpr std::uint64_t GOLDEN = 0x9e3779b97f4a7c15;
    return mix(mix(whole + GOLDEN) + (part + 1) * GOLDEN);
}

} // namespace stress
