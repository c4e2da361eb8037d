// SPDX-License-Identifier: MIT
// A user who is not root and may open the device.
#pragma once

#include "support/system.hpp"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>

class Security : public testing::Test {
public:
    static constexpr uid_t NOBODY = 65534;

protected:
    void SetUp() override {
        ASSERT_EQ(support::shell("chmod a+rw /dev/dri/renderD*"), 0);
    }
    void TearDown() override {
        support::shell("chmod go-rw /dev/dri/renderD*");
    }

    static void become_nobody() {
        if (::setgroups(0, nullptr) || ::setgid(NOBODY) || ::setuid(NOBODY))
            throw std::runtime_error("cannot become nobody");
    }
    static int as_nobody(const std::function<int()> &body) {
        return support::in_child([&] {
            become_nobody();
            return body();
        });
    }
    // The number that @body returns is expected to be 0.
    static void expect_as_nobody(const std::function<int()> &body) {
        const int status = as_nobody(body);
        ASSERT_TRUE(WIFEXITED(status)) << status;
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
};
