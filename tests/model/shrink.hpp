// SPDX-License-Identifier: MIT
// Makes a failing sequence short.
#pragma once

#include "model/operation.hpp"

#include <cstddef>
#include <functional>
#include <limits>

namespace model {

// The shortest and plainest that still fails of those that come of leaving out
// operations and of lowering their numbers, one step at a time. @failing fails.
// After @tries calls of @fails it is left as short as it is.
Sequence shrink(Sequence failing,
                const std::function<bool(const Sequence &)> &fails,
                std::size_t tries = std::numeric_limits<std::size_t>::max());

} // namespace model
