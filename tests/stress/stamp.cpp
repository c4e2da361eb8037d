// SPDX-License-Identifier: MIT
#include "stress/stamp.hpp"

#include "stress/seeds.hpp"

namespace stress {
namespace {

constexpr std::size_t WORDS = support::PAGE / sizeof(std::uint64_t);

std::uint64_t base_of(const Stamp &stamp) {
    return mix(mix(stamp.buffer) +
               (std::uint64_t{stamp.page} << 32 | stamp.version));
}

// Words of a compressible stamp from this one on are an earlier one's but for a
// byte, so that no two of a page are the same.
constexpr std::size_t MIXED = 64;

bool has_compressible(std::uint64_t base) {
    return base & 1;
}

std::uint64_t word(const Stamp &stamp, std::uint64_t base, std::size_t i) {
    constexpr std::uint64_t GOLDEN = 0x9e3779b97f4a7c15;
    if (!stamp.version)
        return 0;
    if (has_compressible(base))
        return mix(base + (i % MIXED) * GOLDEN) ^ (i / MIXED);
    return mix(base + i * GOLDEN);
}

} // namespace

bool is_compressible(const Stamp &stamp) {
    return !stamp.version || has_compressible(base_of(stamp));
}

void write_stamp(std::byte *page, const Stamp &stamp) {
    auto *words = reinterpret_cast<volatile std::uint64_t *>(page);
    const std::uint64_t base = base_of(stamp);
    for (std::size_t i = 0; i < WORDS; ++i)
        words[i] = word(stamp, base, i);
}

std::ptrdiff_t first_wrong_word(const std::byte *page, const Stamp &stamp) {
    const auto *words = reinterpret_cast<const volatile std::uint64_t *>(page);
    std::size_t i = 0;
    if (stamp.torn) {
        Stamp next = stamp;
        ++next.version;
        const std::uint64_t base = base_of(next);
        while (i < WORDS && words[i] == word(next, base, i))
            ++i;
    }
    const std::uint64_t base = base_of(stamp);
    for (; i < WORDS; ++i)
        if (words[i] != word(stamp, base, i))
            return static_cast<std::ptrdiff_t>(i);
    return INTACT;
}

} // namespace stress
