// SPDX-License-Identifier: MIT
// Reading and writing memory that may answer with a signal.
#pragma once

#include <csignal>
#include <functional>

namespace model {

// Handlers of SIGBUS and SIGSEGV for as long as it lives. One at a time, in a
// process with one thread that touches.
class SignalGuard {
public:
    SignalGuard();
    SignalGuard(const SignalGuard &) = delete;
    SignalGuard &operator=(const SignalGuard &) = delete;
    ~SignalGuard();

    // 0, or the signal that ended @body. It is left where it was, so it must
    // own nothing.
    static int run(const std::function<void()> &body);

private:
    struct sigaction bus_ {};
    struct sigaction segv_ {};
};

} // namespace model
