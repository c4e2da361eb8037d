// SPDX-License-Identifier: MIT
// What pages hold: kinds that a compressor finds easy, hard and impossible, as
// programs and textures have them.
#pragma once

#include "platform/chance.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace platform {

enum class Kind { zero, same, text, image, noise };

class Contents {
public:
    static constexpr std::size_t WORDS = 512; // of a page
    using Page = std::array<std::uint64_t, WORDS>;

    explicit Contents(std::uint64_t seed);

    // Fills a page that is unlike all others of other numbers, and returns its
    // checksum.
    std::uint64_t fill(std::uint64_t *page, Kind kind,
                       std::uint64_t number) const;

    static std::uint64_t checksum(const std::uint64_t *page);

    // A kind as often as devices have it.
    static Kind random_kind(Random &random);

private:
    static constexpr std::size_t PATTERNS = 16;

    std::array<Page, PATTERNS> text_;
    std::array<Page, PATTERNS> image_;
    std::array<Page, PATTERNS> noise_;
};

} // namespace platform
