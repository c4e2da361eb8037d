// SPDX-License-Identifier: MIT
// Fails a test when the kernel reported a bug while it ran.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace support {

// The lines of a kernel log that begin or belong to a report.
std::vector<std::string> kernel_reports(const std::string &log);

class KernelLogListener final : public testing::EmptyTestEventListener {
public:
    KernelLogListener();
    KernelLogListener(const KernelLogListener &) = delete;
    KernelLogListener &operator=(const KernelLogListener &) = delete;
    ~KernelLogListener() override;

    void OnTestStart(const testing::TestInfo &info) override;
    void OnTestEnd(const testing::TestInfo &info) override;

private:
    std::string new_lines();
    int fd_;
};

} // namespace support
