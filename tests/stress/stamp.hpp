// SPDX-License-Identifier: MIT
// What a page of a buffer holds, so that any other page, or an older state of
// the same one, is told from it.
#pragma once

#include "support/system.hpp"

#include <cstddef>
#include <cstdint>

namespace stress {

struct Stamp {
    std::uint64_t buffer = 0; // never used twice in a run
    std::uint32_t page = 0;
    std::uint32_t version = 0; // 0: never written, reads as zeros
    // A write of the next version ended somewhere in the page: its words are
    // there up to that place.
    bool torn = false;
};

// Half of the stamps get smaller when they are compressed: pages of the others
// are not worth it, and stay.
bool is_compressible(const Stamp &stamp);

// Fills the page from its start on; nobody else may write it meanwhile.
void write_stamp(std::byte *page, const Stamp &stamp);

constexpr std::ptrdiff_t INTACT = -1;

// Index of the first word that is not the stamp's, or INTACT.
std::ptrdiff_t first_wrong_word(const std::byte *page, const Stamp &stamp);

} // namespace stress
