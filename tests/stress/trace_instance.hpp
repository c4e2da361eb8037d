// SPDX-License-Identifier: MIT
// One event of the kernel's in a trace of its own, by the monotonic clock.
#pragma once

#include <functional>
#include <string>

namespace stress {

class TraceInstance {
public:
    // @event: with its system, as "oom/mark_victim". @filter: which of them; empty
    // for all.
    TraceInstance(const std::string &event, const std::string &filter);
    TraceInstance(const TraceInstance &) = delete;
    TraceInstance &operator=(const TraceInstance &) = delete;
    ~TraceInstance();

    // Whether the text says it, or soon does.
    [[nodiscard]] bool
    says(const std::function<bool(const std::string &)> &it) const;

private:
    std::string path_;
};

} // namespace stress
