// SPDX-License-Identifier: MIT
// Fails a test when the kernel reported a bug while it ran.
#pragma once

#include "support/kernel_report.hpp"

#include <gtest/gtest.h>

namespace support {

class KernelLogListener final : public testing::EmptyTestEventListener {
public:
    void OnTestStart(const testing::TestInfo &info) override;
    void OnTestEnd(const testing::TestInfo &info) override;

private:
    KernelLog log_;
};

} // namespace support
