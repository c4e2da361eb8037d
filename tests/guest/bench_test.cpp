// SPDX-License-Identifier: MIT
// The benchmark program runs and says what it promises; never how fast.
#include "support/kernel_config.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace {

int run(const std::string &arguments, std::string &output) {
    FILE *pipe = ::popen(("gpumem-bench " + arguments + " 2>&1").c_str(), "r");
    if (!pipe)
        return -1;
    std::array<char, 4096> text{};
    while (std::fgets(text.data(), text.size(), pipe))
        output += text.data();
    const int status = ::pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Bench : public testing::Test {
protected:
    void SetUp() override {
        if (support::checks_itself())
            GTEST_SKIP() << "times on a kernel that checks itself are those of "
                            "its checks";
    }
};

TEST_F(Bench, PrintsTheRatiosOfPins) {
    std::string output;
    ASSERT_EQ(run("--benchmark_repetitions=2", output), 0)
        << output;
    EXPECT_NE(output.find("pin of a resident buffer, 256 MiB against 4 KiB: "),
              std::string::npos)
        << output;
    EXPECT_NE(output.find("long pin of a resident buffer"), std::string::npos);
}

TEST_F(Bench, RefusesWhatItDoesNotKnow) {
    std::string output;
    EXPECT_EQ(run("--faster", output), 2);
    EXPECT_EQ(output, "gpumem-bench: '--faster' is no option (see --help)\n");
    output.clear();
    EXPECT_EQ(run("--help", output), 0);
    EXPECT_NE(output.find("Exit status"), std::string::npos);
}

} // namespace
