// SPDX-License-Identifier: MIT
// Fails a test when the kernel reported a bug while it ran.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace support {

// Whether a line of the kernel log is the start of a report.
bool is_kernel_report(const std::string &line);

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
