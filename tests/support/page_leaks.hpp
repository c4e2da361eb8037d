// SPDX-License-Identifier: MIT
// On a kernel with page_owner, fails the run if pages of buffers are lost at its
// end.
#pragma once

#include "support/page_owner.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace support {

class PageLeaks : public testing::Environment {
public:
    void SetUp() override;
    void TearDown() override;

private:
    std::optional<PageAccount> account_;
};

} // namespace support
