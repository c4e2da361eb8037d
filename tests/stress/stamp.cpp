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

std::uint64_t word(const Stamp &stamp, std::uint64_t base, std::size_t i) {
    return stamp.version ? mix(base + i * 0x9e3779b97f4a7c15) : 0;
}

} // namespace

void write_stamp(std::byte *page, const Stamp &stamp) {
    auto *words = reinterpret_cast<volatile std::uint64_t *>(page);
    const std::uint64_t base = base_of(stamp);
    for (std::size_t i = 0; i < WORDS; ++i)
        words[i] = word(stamp, base, i);
}

std::ptrdiff_t first_wrong_word(const std::byte *page, const Stamp &stamp) {
    const auto *words = reinterpret_cast<const volatile std::uint64_t *>(page);
    const std::uint64_t base = base_of(stamp);
    for (std::size_t i = 0; i < WORDS; ++i)
        if (words[i] != word(stamp, base, i))
            return static_cast<std::ptrdiff_t>(i);
    return INTACT;
}

} // namespace stress
