// SPDX-License-Identifier: MIT
// Reading and writing memory that may answer with a signal.
#pragma once

#include <csignal>
#include <functional>

namespace support {

// Handlers of SIGBUS and SIGSEGV for as long as it lives, one at a time in a
// process. Elsewhere than in run() these signals end the process as ever.
class SignalGuard {
public:
    SignalGuard();
    SignalGuard(const SignalGuard &) = delete;
    SignalGuard &operator=(const SignalGuard &) = delete;
    ~SignalGuard();

    // 0, or the signal that ended @body. It is left where it was, so it must
    // own nothing. Any thread may, and @body too.
    static int run(const std::function<void()> &body);

private:
    struct sigaction bus_ {};
    struct sigaction segv_ {};
};

} // namespace support
