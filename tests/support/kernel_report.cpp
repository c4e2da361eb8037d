// SPDX-License-Identifier: MIT
#include "support/kernel_report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace support {

namespace {

// All expressions of a kind in the list that tools/vm reads too, as one.
std::regex expression(const std::string &kind) {
    std::ifstream list(GPUMEM_KERNEL_REPORTS);
    std::string all;
    for (std::string line; std::getline(list, line);)
        if (line.starts_with(kind + " "))
            all += (all.empty() ? "" : "|") + line.substr(kind.size() + 1);
    if (all.empty())
        throw std::runtime_error(
            "no list of kernel reports in " GPUMEM_KERNEL_REPORTS);
    return std::regex(all, std::regex::optimize);
}

} // namespace

KernelLog::KernelLog()
    : fd_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (fd_ < 0)
        throw std::runtime_error("cannot open /dev/kmsg: run as root");
    ::lseek(fd_, 0, SEEK_END);
}

KernelLog::~KernelLog() {
    ::close(fd_);
}

std::string KernelLog::new_lines() {
    std::string all;
    std::array<char, 8192> record{};
    for (;;) {
        const ssize_t got = ::read(fd_, record.data(), record.size());
        if (got > 0)
            all.append(record.data(), static_cast<std::size_t>(got));
        else if (got < 0 && errno == EPIPE)
            all += "BUG: the kernel log was overwritten before it was read\n";
        else
            return all;
    }
}

std::vector<std::string> KernelLog::new_reports() {
    static const std::regex report = expression("report");
    static const std::regex harmless = expression("harmless");
    static const std::regex traced = expression("traced");
    std::vector<std::string> found;
    std::istringstream lines(new_lines());
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_search(line, traced))
            stack_follows_ = true;
        else if (stack_follows_ && line.find("Call Trace:") != std::string::npos)
            stack_follows_ = false;
        else if (std::regex_search(line, report) &&
                 !std::regex_search(line, harmless)) {
            stack_follows_ = false;
            found.push_back(line);
        }
    }
    return found;
}

} // namespace support
