// SPDX-License-Identifier: MIT
// A sequence on which the driver and the model disagree, made short, and told
// with all that it takes to look for the reason elsewhere.
#pragma once

#include "model/check.hpp"
#include "model/operation.hpp"

#include <cstddef>
#include <functional>
#include <string>

namespace model {

// Runs a sequence on a new subject and a new model.
using Runner = std::function<Outcome(const Sequence &)>;

struct Report {
    // For people: both disagreements, and what was answered up to them.
    std::string text;
    // For --replay: the short sequence, with its disagreement as comments.
    std::string file;
};

// @outcome is that of @sequence. At most @tries shorter ones are run.
Report report(const Sequence &sequence, const Outcome &outcome,
              const Runner &run, const std::string &name, std::size_t tries);

} // namespace model
