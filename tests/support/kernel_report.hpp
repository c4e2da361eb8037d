// SPDX-License-Identifier: MIT
// What of the kernel's log is a report of a bug.
#pragma once

#include <string>
#include <vector>

namespace support {

// The kernel log from now on.
class KernelLog {
public:
    KernelLog();
    KernelLog(const KernelLog &) = delete;
    KernelLog &operator=(const KernelLog &) = delete;
    ~KernelLog();

    // Lines that were not read yet.
    std::string new_lines();
    // Those of them that begin or belong to a report.
    std::vector<std::string> new_reports();

private:
    int fd_;
    bool stack_follows_ = false; // that of a line which is no report
};

} // namespace support
