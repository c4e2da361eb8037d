// SPDX-License-Identifier: MIT
// What of the kernel's log is a report of a bug.
#pragma once

#include <string>
#include <vector>

namespace support {

// The lines of a kernel log that begin or belong to a report.
std::vector<std::string> kernel_reports(const std::string &log);

// The kernel log from now on.
class KernelLog {
public:
    KernelLog();
    KernelLog(const KernelLog &) = delete;
    KernelLog &operator=(const KernelLog &) = delete;
    ~KernelLog();

    // Lines that were not read yet.
    std::string new_lines();
    // The first of them that is the start of a report, or nothing.
    std::string new_report();

private:
    int fd_;
};

} // namespace support
