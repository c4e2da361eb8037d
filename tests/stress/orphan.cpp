// SPDX-License-Identifier: MIT
#include "stress/orphan.hpp"

#include "stress/touch.hpp"
#include "support/debugfs.hpp"

#include <utility>

namespace stress {

Orphan::Orphan(Window window, const Slot &slot)
    : window_(std::move(window)), number_(slot.number), object_(slot.object()),
      moves_seen_(slot.moves_seen), moves_(slot.bo.query().moved),
      versions_(slot.versions), torn_(slot.torn),
      since_(std::chrono::steady_clock::now()) {}

void Orphan::check(std::size_t page, const Report &report,
                   Totals &totals) const {
    const Stamp expected{.buffer = number_,
                         .page = static_cast<std::uint32_t>(page),
                         .version = versions_[page],
                         .torn = torn_[page] != 0};
    const std::byte *const at = window_.page(page);
    std::ptrdiff_t word = INTACT;
    touch(expected, [&] { word = first_wrong_word(at, expected); });
    ++totals.pages_verified;
    if (word == INTACT)
        return;
    const auto frames = support::page_frames(object_);
    report.wrong(at, expected, word, at,
                 page < frames.size() ? frames[page] : 0,
                 "mapping without a handle");
}

void Orphan::check_all(const Report &report, Totals &totals) const {
    const std::uint64_t moved = support::moves_of(object_).value_or(moves_);
    for (std::size_t page = 0; page < pages(); ++page)
        if (moved != moves_seen_ || versions_[page])
            check(page, report, totals);
    totals.moves_verified += moved - moves_seen_;
}

bool Orphan::is_old() const {
    return std::chrono::steady_clock::now() - since_ > std::chrono::seconds(3);
}

} // namespace stress
