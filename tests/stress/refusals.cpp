// SPDX-License-Identifier: MIT
#include "stress/refusals.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace stress {
namespace {

// Whoever meets a refusal asks for it at once, so that few are kept.
constexpr const char *KEPT_KIB = "64"; // for each CPU

// Reading the trace takes memory too, and that is short now.
constexpr int LOOKS = 40;
constexpr std::chrono::milliseconds BETWEEN_LOOKS{50};

} // namespace

bool has_refusal(const std::string &trace, pid_t thread,
                 std::chrono::microseconds since) {
    static const std::regex LINE(
        R"(-(\d+) +\[\d+\].* (\d+)\.(\d{6}): gpumem_fault: .*ret=-(\d+))");
    const std::string mark = fmt::format("-{} ", thread);
    std::istringstream lines(trace);
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (line.find(mark) == std::string::npos ||
            !std::regex_search(line, match, LINE) ||
            std::stol(match[1]) != thread || std::stoi(match[4]) != ENOMEM)
            continue;
        const auto at = std::chrono::seconds(std::stoll(match[2])) +
                        std::chrono::microseconds(std::stoll(match[3]));
        // The trace rounds.
        if (at + std::chrono::microseconds(1) >= since)
            return true;
    }
    return false;
}

Refusals::Refusals()
    : instance_(fmt::format("/sys/kernel/tracing/instances/gpumem-stress-{}",
                            ::getpid())) {
    if (::mkdir(instance_.c_str(), 0700))
        throw std::runtime_error("cannot make " + instance_);
    support::write_file(instance_ + "/trace_clock", "mono");
    support::write_file(instance_ + "/buffer_size_kb", KEPT_KIB);
    const std::string event = instance_ + "/events/gpumem/gpumem_fault/";
    support::write_file(event + "filter", fmt::format("ret == -{}", ENOMEM));
    support::write_file(event + "enable", "1");
}

Refusals::~Refusals() {
    ::rmdir(instance_.c_str());
}

bool Refusals::told(pid_t thread, clock::time_point since) const {
    const auto begin = std::chrono::duration_cast<std::chrono::microseconds>(
        since.time_since_epoch());
    for (int look = 0; look < LOOKS; ++look) {
        try {
            if (has_refusal(support::read_file(instance_ + "/trace"), thread,
                            begin))
                return true;
        } catch (const std::runtime_error &) {
            // It did not open for want of memory.
        }
        std::this_thread::sleep_for(BETWEEN_LOOKS);
    }
    return false;
}

} // namespace stress
