// SPDX-License-Identifier: MIT
// What a byte of a program stands for: values at the edges of what is allowed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace fuzz {

// Buffers that are kept are no larger.
inline constexpr std::uint64_t MAX_SIZE = std::uint64_t{256} << 10;

// A size in bytes: an edge for small bytes, else 1 to 32 pages, and the largest for
// one, as filling it takes long.
constexpr std::uint64_t size_of(std::uint8_t byte) {
    constexpr std::array<std::uint64_t, 17> EDGES{4096,
                                                  8192,
                                                  1,
                                                  0,
                                                  4095,
                                                  4097,
                                                  65536,
                                                  65537,
                                                  0xffffffff,
                                                  0x100000000,
                                                  0x100000001,
                                                  std::uint64_t{1} << 40,
                                                  std::uint64_t{1} << 63,
                                                  ~std::uint64_t{0} - 4095,
                                                  ~std::uint64_t{0} - 4094,
                                                  ~std::uint64_t{0} - 1,
                                                  ~std::uint64_t{0}};
    if (byte == 255)
        return MAX_SIZE;
    return byte < 128 ? EDGES[byte % EDGES.size()]
                      : (std::uint64_t{byte} % 32 + 1) * 4096;
}

// 0 for most bytes, else one bit, the highest for the highest byte.
constexpr std::uint32_t bit_of(std::uint8_t byte) {
    return byte < 224 ? 0 : 1U << (byte - 224);
}

// A number that counts something.
constexpr std::uint32_t count_of(std::uint8_t byte) {
    constexpr std::array<std::uint32_t, 10> EDGES{
        1, 2, 3, 0, 8, 64, 4095, 4096, 4097, 0xffffffff};
    return EDGES[byte % EDGES.size()];
}

// One of those that there are, or none of them.
constexpr std::uint32_t any_of(std::span<const std::uint32_t> all,
                               std::uint8_t which) {
    return which >= 250 || all.empty() ? which * 0x1010101U
                                       : all[which % all.size()];
}

// A point of a timeline: mostly near its beginning.
constexpr std::uint64_t point_of(std::uint8_t byte) {
    return byte < 224 ? byte % 8 : size_of(byte % 32);
}

} // namespace fuzz
