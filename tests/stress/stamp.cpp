// SPDX-License-Identifier: MIT
#include "stress/stamp.hpp"

namespace stress {
namespace {

constexpr std::size_t WORDS = support::PAGE / sizeof(std::uint64_t);

// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): one wrong bit of the
// input changes half of the output.
std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

std::uint64_t seed_of(const Stamp &stamp) {
    return mix(stamp.buffer) ^
           mix(std::uint64_t{stamp.page} << 32 | stamp.version);
}

std::uint64_t word(const Stamp &stamp, std::uint64_t seed, std::size_t i) {
    return stamp.version ? mix(seed + i * 0x9e3779b97f4a7c15) : 0;
}

} // namespace

void write_stamp(std::byte *page, const Stamp &stamp) {
    auto *words = reinterpret_cast<volatile std::uint64_t *>(page);
    const std::uint64_t seed = seed_of(stamp);
    for (std::size_t i = 0; i < WORDS; ++i)
        words[i] = word(stamp, seed, i);
}

std::ptrdiff_t first_wrong_word(const std::byte *page, const Stamp &stamp) {
    const auto *words = reinterpret_cast<const volatile std::uint64_t *>(page);
    const std::uint64_t seed = seed_of(stamp);
    for (std::size_t i = 0; i < WORDS; ++i)
        if (words[i] != word(stamp, seed, i))
            return static_cast<std::ptrdiff_t>(i);
    return INTACT;
}

} // namespace stress
