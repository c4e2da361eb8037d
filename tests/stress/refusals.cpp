// SPDX-License-Identifier: MIT
#include "stress/refusals.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <regex>
#include <sstream>

namespace stress {

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

bool has_victim(const std::string &trace, pid_t process) {
    static const std::regex LINE(R"(: mark_victim: pid=(\d+)(?!\d))");
    for (std::sregex_iterator at(trace.begin(), trace.end(), LINE), end;
         at != end; ++at)
        if (std::stol((*at)[1]) == process)
            return true;
    return false;
}

Refusals::Refusals()
    : faults_("gpumem/gpumem_fault", fmt::format("ret == -{}", ENOMEM)),
      victims_("oom/mark_victim", {}) {}

// Whoever meets a refusal asks for it at once, so that few need be kept.
bool Refusals::told(pid_t thread, clock::time_point since) const {
    const auto begin = std::chrono::duration_cast<std::chrono::microseconds>(
        since.time_since_epoch());
    return faults_.says([&](const std::string &trace) {
        return has_refusal(trace, thread, begin);
    });
}

bool Refusals::killed(pid_t process) const {
    return victims_.says([process](const std::string &trace) {
        return has_victim(trace, process);
    });
}

} // namespace stress
