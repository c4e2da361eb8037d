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
    bool resident;  // so that it needs no memory
};

// @body, which is left where it was and must own nothing, touches one page that
// holds @expected. @resident: and which is pinned.
template <typename Body>
void touch(const Stamp &expected, Body body, bool resident = false) {
    if (const int signal = support::SignalGuard::run(body))
        throw Unreachable{
            .signal = signal, .expected = expected, .resident = resident};
}

} // namespace stress
