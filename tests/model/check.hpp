// SPDX-License-Identifier: MIT
// Runs a sequence on a subject and on the model, and finds where they differ.
#pragma once

#include "model/answer.hpp"
#include "model/operation.hpp"
#include "model/state.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace model {

struct Disagreement {
    std::size_t step =
        0; // from 1; behind the sequence comes what checks the end
    Operation operation;
    Answer expected;
    Answer actual;
};

struct Outcome {
    std::optional<Disagreement> disagreement;
    std::vector<std::pair<Operation, Answer>> done; // and what the subject said
    std::uint64_t operations = 0;
    std::uint64_t skipped = 0; // with nothing to do them on
    std::uint64_t refused = 0;
    std::uint64_t pages = 0; // compared
    std::uint64_t purges = 0;
    std::uint64_t cold = 0;  // pages that were compressed when it was advised
    std::uint64_t moved = 0; // pages, by the driver's own compaction
    // As in Counts.
    std::uint64_t long_pins = 0;
    std::uint64_t attaches = 0;
    std::uint64_t busy = 0;
    std::uint64_t in_the_way = 0;
    std::uint64_t over_limit = 0;
    std::uint64_t names = 0;

    // Adds up counts; the disagreement is that of the last one.
    Outcome &operator+=(const Outcome &other);
};

// So many of the random sequences, from seed 1 on, meet all that there is.
inline constexpr std::uint64_t WORTH_THE_WHILE = 60;

// Of so many of these pins one may find a page in use.
inline constexpr std::uint64_t PINS_PER_BUSY = 10;

// What the driver may leave alone or refuse without being wrong, but not each
// time: the first of it that all of a run lacks, or nothing.
std::string what_lacks(const Outcome &all, const Rules &rules);

// @before is called with each operation that is about to run. After the
// sequence everything is looked at, and then closed, and nothing may be left.
Outcome check(const Sequence &sequence, Subject &subject, const Rules &rules,
              const std::function<void(const Operation &)> &before = {});

std::string to_text(const Disagreement &disagreement);

} // namespace model
