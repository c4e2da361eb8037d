// SPDX-License-Identifier: MIT
// libFuzzer with the kernel as its target.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fuzz {

struct Options {
    std::uint64_t calls = 0; // 0: until libFuzzer ends
    // Also calls that take long are made each time.
    bool unhurried = false;
    std::uint32_t seed = 0;
    // Between lines that say how many calls there were; 0: none.
    unsigned progress = 0;
    std::string corpus;
    std::string save;
    // libFuzzer's own flags and directories.
    std::vector<std::string> words;
};

// Returns the exit status: 1 when the driver failed.
int fuzz(const Options &options, const char *program);

// Does the calls of one input and prints each with its answer. Returns the exit
// status.
int replay(const std::string &path);

} // namespace fuzz
