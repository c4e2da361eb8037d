// SPDX-License-Identifier: MIT
// The one exception that reaches main(): a line for the user and the exit code
// that goes with it.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace gallery {

enum ExitCode : int {
    kExitOk = 0,
    kExitFailed = 1,     // something that was needed is missing or failed
    kExitUsage = 2,      // the command line asks for something that cannot be
    kExitValidation = 3, // the Vulkan validation layer had something to say
};

class Error : public std::runtime_error {
public:
    explicit Error(const std::string &line, ExitCode code = kExitFailed)
        : std::runtime_error(line), code_(code) {}

    [[nodiscard]] ExitCode code() const noexcept { return code_; }

private:
    ExitCode code_;
};

// What a system call that just failed says in errno, after what was tried.
inline Error errno_error(const std::string &what) {
    return Error(what + ": " + std::strerror(errno));
}

} // namespace gallery
