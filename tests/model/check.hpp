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
};

// @before is called with each operation that is about to run. After the
// sequence everything is looked at, and then closed, and nothing may be left.
Outcome check(const Sequence &sequence, Subject &subject, const Rules &rules,
              const std::function<void(const Operation &)> &before = {});

std::string to_text(const Disagreement &disagreement);

} // namespace model
