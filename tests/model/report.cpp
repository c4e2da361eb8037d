// SPDX-License-Identifier: MIT
#include "model/report.hpp"

#include "model/shrink.hpp"

#include <fmt/format.h>
#include <sstream>

namespace model {
namespace {

// What is rare may need more than one look.
constexpr int LOOKS = 3;

std::string as_comments(const std::string &text) {
    std::string comments;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        comments += "# " + line + "\n";
    return comments;
}

std::string answers(const Outcome &outcome) {
    std::string text;
    for (const auto &[operation, answer] : outcome.done)
        text += fmt::format("  {}: {}\n", to_text(operation), to_text(answer));
    return text;
}

} // namespace

Report report(const Sequence &sequence, const Outcome &outcome,
              const Runner &run, const std::string &name, std::size_t tries) {
    Report report;
    report.text =
        fmt::format("{}: the driver and the model disagree\n{}"
                    "what the driver has answered:\n{}",
                    name, to_text(*outcome.disagreement), answers(outcome));

    // Of the last one that failed, for it may not do so each time.
    Outcome last = outcome;
    const auto fails = [&](const Sequence &candidate) {
        for (int look = 0; look < LOOKS; ++look)
            if (Outcome now = run(candidate); now.disagreement) {
                last = std::move(now);
                return true;
            }
        return false;
    };
    const bool again = fails(sequence);
    const Sequence shorter = again ? shrink(sequence, fails, tries) : sequence;
    report.file = fmt::format("# {}\n", name) +
                  as_comments(to_text(*last.disagreement)) +
                  to_text(std::span(shorter));
    report.text +=
        again ? fmt::format("the shortest sequence that fails:\n{}"
                            "what the driver has answered:\n{}",
                            report.file, answers(last))
              : fmt::format("it agreed when it was run again, {} times; "
                            "the sequence:\n{}",
                            LOOKS, report.file);
    return report;
}

} // namespace model
