// SPDX-License-Identifier: MIT
// Touching pages of buffers, which may answer with a signal.
#pragma once

#include "stress/stamp.hpp"
#include "support/signal_guard.hpp"

namespace stress {

// Thrown for a page that could not be touched.
struct Unreachable {
    int signal;
    Stamp expected; // what it holds
};

// @body, which is left where it was and must own nothing, touches one page that
// holds @expected.
template <typename Body> void touch(const Stamp &expected, Body body) {
    if (const int signal = support::SignalGuard::run(body))
        throw Unreachable{.signal = signal, .expected = expected};
}

} // namespace stress
