// SPDX-License-Identifier: MIT
#include "model/touch.hpp"

#include <csetjmp>

namespace model {
namespace {

sigjmp_buf back;
volatile sig_atomic_t expected = 0;

void caught(int signal) {
    if (expected)
        siglongjmp(back, signal);
    // Somebody else's mistake: end as without a handler.
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

} // namespace

SignalGuard::SignalGuard() {
    struct sigaction action {};
    action.sa_handler = &caught;
    ::sigaction(SIGBUS, &action, &bus_);
    ::sigaction(SIGSEGV, &action, &segv_);
}

SignalGuard::~SignalGuard() {
    ::sigaction(SIGBUS, &bus_, nullptr);
    ::sigaction(SIGSEGV, &segv_, nullptr);
}

int SignalGuard::run(const std::function<void()> &body) {
    const int signal = sigsetjmp(back, 1);
    if (!signal) {
        expected = 1;
        body();
    }
    expected = 0;
    return signal;
}

} // namespace model
