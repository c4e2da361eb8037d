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

    // Adds up counts; the disagreement is that of the last one.
    Outcome &operator+=(const Outcome &other);
};

// Random sequences that are enough to meet all that there is.
inline constexpr std::uint64_t WORTH_THE_WHILE = 30;

// What the driver may leave alone without being wrong, but not each time: the
// first of it that was never met in all of a run, or nothing.
std::string never_met(const Outcome &all);

// @before is called with each operation that is about to run. After the
// sequence everything is looked at, and then closed, and nothing may be left.
Outcome check(const Sequence &sequence, Subject &subject, const Rules &rules,
              const std::function<void(const Operation &)> &before = {});

std::string to_text(const Disagreement &disagreement);

} // namespace model
