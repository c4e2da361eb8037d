// SPDX-License-Identifier: MIT
// Reading and writing memory that may answer with a signal, in the model's
// terms.
#pragma once

#include "support/signal_guard.hpp"

namespace model {

using support::SignalGuard;

} // namespace model
