// SPDX-License-Identifier: MIT
// The driver's word for it that it had no memory for a page that was touched, its
// faults that ended with ENOMEM, and the kernel's for whom its OOM killer took.
#pragma once

#include "stress/trace_instance.hpp"

#include <chrono>
#include <string>
#include <sys/types.h>

namespace stress {

class Refusals {
public:
    using clock = std::chrono::steady_clock;

    Refusals();

    // Whether the driver refused a fault of the thread for want of memory, at
    // @since or later.
    [[nodiscard]] bool told(pid_t thread, clock::time_point since) const;

    // Whether the OOM killer took that process, at any time.
    [[nodiscard]] bool killed(pid_t process) const;

private:
    TraceInstance faults_;
    TraceInstance victims_;
};

// The same in the text of a trace whose clock is the monotonic one.
bool has_refusal(const std::string &trace, pid_t thread,
                 std::chrono::microseconds since);
bool has_victim(const std::string &trace, pid_t process);

} // namespace stress
