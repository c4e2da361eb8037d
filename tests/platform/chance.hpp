// SPDX-License-Identifier: MIT
// Choices from the seed. Each part of the load has its own, and so has each
// buffer: whether one is early or late changes nothing for the others.
#pragma once

#include <cstdint>
#include <random>

namespace platform {

using Random = std::mt19937_64;

enum class Of : std::uint64_t {
    contents,
    scenes,
    buffers,
    reads,
    apps,
    forks,
    compiler,
    files
};

// The same for the same two, and unlike that of any others (splitmix64).
constexpr std::uint64_t mixed(std::uint64_t one, std::uint64_t other) {
    std::uint64_t x = one * 0x9e3779b97f4a7c15U + other + 0x632be59bd9b4e019U;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

constexpr std::uint64_t seed_of(std::uint64_t seed, Of part) {
    return mixed(seed, static_cast<std::uint64_t>(part));
}

// From 0 to 1.
inline double evenly(Random &random) {
    return std::uniform_real_distribution<double>(0, 1)(random);
}

} // namespace platform
