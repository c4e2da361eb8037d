// SPDX-License-Identifier: MIT
// Sequences at random, with sense in most of their operations and none in some.
#pragma once

#include "model/operation.hpp"

#include <cstddef>
#include <random>

namespace model {

Sequence random_sequence(std::mt19937_64 &random, std::size_t length);

} // namespace model
