// SPDX-License-Identifier: MIT
// The input is in its file before anything is done with it, and nothing else is.
#include "fuzz/guard.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

class FuzzGuard : public testing::Test {
protected:
    FuzzGuard() : directory_(testing::TempDir() + "fuzz-guard-XXXXXX") {
        if (!::mkdtemp(directory_.data()))
            throw std::runtime_error("no directory");
        path = directory_ + "/running";
    }
    ~FuzzGuard() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] Bytes in_file() const {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    std::string path;

private:
    std::string directory_;
};

TEST_F(FuzzGuard, HasTheInputInTheFileWhileItRuns) {
    fuzz::Running running(path);
    for (const std::size_t size : {0U, 16U, 24U, 8U, 0U}) {
        Bytes input(size, 7);
        running.begin(input);
        input.resize(in_file().size());
        EXPECT_EQ(in_file(), input);
        EXPECT_GE(input.size(), size);
        running.tell();
        EXPECT_EQ(in_file(), Bytes(size, 7));
    }
    running.begin(Bytes(fuzz::MAX_BYTES + 8, 1));
    EXPECT_EQ(in_file(), Bytes(fuzz::MAX_BYTES, 1));
    EXPECT_EQ(running.begun(), 6U);
}

TEST_F(FuzzGuard, KeepsTheInputOfAProcessThatDied) {
    const Bytes input(24, 7);
    fuzz::Running running(path);
    EXPECT_EQ(fuzz::guarded(running,
                            [&] {
                                running.begin(Bytes(64, 1));
                                running.begin(input);
                                return std::raise(SIGKILL);
                            }),
              1);
    EXPECT_EQ(running.begun(), 2U);
    EXPECT_EQ(in_file(), input);
}

TEST_F(FuzzGuard, KeepsNoneOfAProcessThatEnded) {
    fuzz::Running running(path);
    EXPECT_EQ(fuzz::guarded(running,
                            [&] {
                                running.begin(Bytes(8, 1));
                                return 3;
                            }),
              3);
    EXPECT_FALSE(std::filesystem::exists(path));
}

} // namespace
