// SPDX-License-Identifier: MIT
// Where a sequence on which the driver and the model disagree is kept.
#pragma once

#include "model/report.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace model {

using Directories = std::vector<std::filesystem::path>;

// Sequences that are replayed by the guest's test, if @repository is one.
Directories regressions(const std::filesystem::path &repository);

// What becomes of a run: below $OUT or, without it, here.
std::filesystem::path results();

// Writes the short sequence as @name.txt, or with a number behind the name if
// that is another's, into each of the directories. Says where it is, or why it
// is not there.
std::string keep(const Report &made, const std::string &name,
                 const Directories &directories);

} // namespace model
