// SPDX-License-Identifier: MIT
// On a kernel with page_owner, fails the run if pages of buffers are lost at its
// end.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

namespace support {

class PageLeaks : public testing::Environment {
public:
    void SetUp() override;
    void TearDown() override;

private:
    std::map<std::string, std::uint64_t> before_;
};

} // namespace support
