// SPDX-License-Identifier: MIT
// Makes a failing sequence short.
#pragma once

#include "model/operation.hpp"

#include <functional>

namespace model {

// The shortest and plainest that still fails of those that come of leaving out
// operations and of lowering their numbers, one step at a time. @failing fails.
Sequence shrink(Sequence failing,
                const std::function<bool(const Sequence &)> &fails);

} // namespace model
