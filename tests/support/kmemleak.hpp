// SPDX-License-Identifier: MIT
// On a kernel with kmemleak, fails the run if kernel memory is lost at its end.
#pragma once

#include <gtest/gtest.h>

namespace support {

class Kmemleak : public testing::Environment {
public:
    void SetUp() override;
    void TearDown() override;
};

} // namespace support
