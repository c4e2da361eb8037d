// SPDX-License-Identifier: MIT
// The driver's word for it that it had no memory for a page that was touched:
// its faults that ended with ENOMEM, in a trace of their own.
#pragma once

#include <chrono>
#include <string>
#include <sys/types.h>

namespace stress {

class Refusals {
public:
    using clock = std::chrono::steady_clock;

    Refusals();
    Refusals(const Refusals &) = delete;
    Refusals &operator=(const Refusals &) = delete;
    ~Refusals();

    // Whether the driver refused a fault of the thread for want of memory, at
    // @since or later.
    [[nodiscard]] bool told(pid_t thread, clock::time_point since) const;

private:
    std::string instance_;
};

// The same in the text of a trace whose clock is the monotonic one.
bool has_refusal(const std::string &trace, pid_t thread,
                 std::chrono::microseconds since);

} // namespace stress
