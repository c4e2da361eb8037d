// SPDX-License-Identifier: MIT
#include "stress/trace_instance.hpp"

#include "support/system.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace stress {
namespace {

// For each CPU: the events that are asked for are rare.
constexpr const char *KEPT_KIB = "64";

// Reading the trace takes memory too, and that may be short now.
constexpr int LOOKS = 40;
constexpr std::chrono::milliseconds BETWEEN_LOOKS{50};

} // namespace

TraceInstance::TraceInstance(const std::string &event,
                             const std::string &filter)
    : path_(fmt::format("/sys/kernel/tracing/instances/gpumem-stress-{}-{}",
                        ::getpid(), event)) {
    std::replace(path_.end() - static_cast<std::ptrdiff_t>(event.size()),
                 path_.end(), '/', '-');
    if (::mkdir(path_.c_str(), 0700))
        throw std::runtime_error("cannot make " + path_);
    support::write_file(path_ + "/trace_clock", "mono");
    support::write_file(path_ + "/buffer_size_kb", KEPT_KIB);
    const std::string events = path_ + "/events/" + event + "/";
    if (!filter.empty())
        support::write_file(events + "filter", filter);
    support::write_file(events + "enable", "1");
}

TraceInstance::~TraceInstance() {
    ::rmdir(path_.c_str());
}

bool TraceInstance::says(
    const std::function<bool(const std::string &)> &it) const {
    for (int look = 0; look < LOOKS; ++look) {
        try {
            if (it(support::read_file(path_ + "/trace")))
                return true;
        } catch (const std::runtime_error &) {
            // It did not open for want of memory.
        }
        std::this_thread::sleep_for(BETWEEN_LOOKS);
    }
    return false;
}

} // namespace stress
