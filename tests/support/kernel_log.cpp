// SPDX-License-Identifier: MIT
#include "support/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <stdexcept>

namespace support {

bool is_kernel_report(const std::string &line) {
    static constexpr std::array words = {
        "BUG:",       "WARNING:",           "Oops",
        "KASAN",      "UBSAN",              "kernel BUG at",
        "Call Trace", "possible circular",  "possible recursive",
        "Bad page",   "inconsistent lock",  "suspicious RCU",
        "kmemleak",   "general protection", "unreferenced object"};
    for (const char *word : words)
        if (line.find(word) != std::string::npos)
            return true;
    return false;
}

KernelLogListener::KernelLogListener()
    : fd_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (fd_ < 0)
        throw std::runtime_error("cannot open /dev/kmsg: run as root");
    ::lseek(fd_, 0, SEEK_END);
}

KernelLogListener::~KernelLogListener() { ::close(fd_); }

std::string KernelLogListener::new_lines() {
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

void KernelLogListener::OnTestStart(const testing::TestInfo &) { new_lines(); }

void KernelLogListener::OnTestEnd(const testing::TestInfo &) {
    std::istringstream lines(new_lines());
    for (std::string line; std::getline(lines, line);)
        if (is_kernel_report(line))
            ADD_FAILURE() << "kernel log: " << line;
}

} // namespace support
