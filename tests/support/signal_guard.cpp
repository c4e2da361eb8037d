// SPDX-License-Identifier: MIT
#include "support/signal_guard.hpp"

#include <csetjmp>
#include <stdexcept>

namespace support {
namespace {

thread_local sigjmp_buf *back = nullptr;

void caught(int signal) {
    if (back)
        siglongjmp(*back, signal);
    // Somebody else's mistake: end as without a handler.
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

} // namespace

SignalGuard::SignalGuard() {
    struct sigaction action {};
    action.sa_handler = &caught;
    if (::sigaction(SIGBUS, &action, &bus_) ||
        ::sigaction(SIGSEGV, &action, &segv_))
        throw std::runtime_error("signals cannot be caught");
}

SignalGuard::~SignalGuard() {
    ::sigaction(SIGBUS, &bus_, nullptr);
    ::sigaction(SIGSEGV, &segv_, nullptr);
}

int SignalGuard::run(const std::function<void()> &body) {
    // Also when @body throws.
    struct Restore {
        sigjmp_buf *outer = back;
        ~Restore() { back = outer; }
    };
    const Restore restore;
    sigjmp_buf here;
    const int signal = sigsetjmp(here, 1);
    if (!signal) {
        back = &here;
        body();
    }
    return signal;
}

} // namespace support
