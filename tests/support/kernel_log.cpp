// SPDX-License-Identifier: MIT
#include "support/kernel_log.hpp"

#include <string>

namespace support {

void KernelLogListener::OnTestStart(const testing::TestInfo &) {
    log_.new_lines();
}

void KernelLogListener::OnTestEnd(const testing::TestInfo &) {
    for (const std::string &line : log_.new_reports())
        ADD_FAILURE() << "kernel log: " << line;
}

} // namespace support
