// SPDX-License-Identifier: MIT
#include "stop.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>

namespace tool {
namespace {

volatile std::sig_atomic_t stopped = 0;

void on_signal(int) { stopped = 1; }

} // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    for (int sig : {SIGINT, SIGTERM, SIGHUP})
        sigaction(sig, &action, nullptr);
}

bool stop_requested() { return stopped != 0; }

bool sleep_or_stop(std::chrono::milliseconds time) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + time;
    // Short naps: a signal between the test and the sleep is seen soon.
    while (!stop_requested() && clock::now() < end) {
        const auto left =
            std::chrono::duration_cast<std::chrono::nanoseconds>(end -
                                                                 clock::now());
        const auto nap = std::min<std::chrono::nanoseconds>(
            left, std::chrono::milliseconds(20));
        if (nap.count() <= 0)
            break;
        timespec ts{0, static_cast<long>(nap.count())};
        nanosleep(&ts, nullptr);
    }
    return stop_requested();
}

} // namespace tool
