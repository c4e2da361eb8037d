// SPDX-License-Identifier: MIT
#include "stress/slot.hpp"

namespace stress {

void Slot::fill(const gpumem::Device &device, std::uint64_t pages,
                std::uint64_t buffer) {
    bo = device.create(pages * support::PAGE);
    map = bo.map();
    dontneed = false;
    number = buffer;
    versions.assign(pages, 0);
    busy = std::vector<std::atomic<bool>>(pages);
}

void Slot::clear() {
    pins.clear();
    map.reset();
    bo = gpumem::Bo();
    versions.clear();
}

void Slot::check(const std::byte *at, std::size_t page, const Report &report,
                 Totals &totals, const std::string &where) const {
    const Stamp expected = stamp(page);
    const std::ptrdiff_t word = first_wrong_word(at, expected);
    if (word != INTACT)
        report.wrong(at, expected, word, where);
    ++totals.pages_verified;
}

} // namespace stress
