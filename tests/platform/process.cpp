// SPDX-License-Identifier: MIT
#include "platform/process.hpp"

#include "support/system.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <thread>

namespace platform {

pid_t start(Oom oom, const std::function<void()> &body) {
    return support::start_child([&] {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        support::write_file("/proc/self/oom_score_adj",
                            oom == Oom::never ? "-1000" : "800");
        body();
        return 0;
    });
}

pid_t try_start(Shared &shared, Oom oom, const std::function<void()> &body) {
    try {
        return start(oom, body);
    } catch (const std::exception &) {
        shared.forks_failed++;
        return -1;
    }
}

bool was_killed(pid_t child) {
    const int status = support::wait_for(child);
    return WIFSIGNALED(status);
}

void rest(const Shared &shared, std::chrono::nanoseconds time) {
    constexpr std::chrono::nanoseconds SLICE = std::chrono::milliseconds(100);
    const auto end = Clock::now() + time;
    while (!shared.stop && Clock::now() < end)
        std::this_thread::sleep_for(
            std::min<std::chrono::nanoseconds>(SLICE, end - Clock::now()));
}

} // namespace platform
