// SPDX-License-Identifier: MIT
// How a verb of the gpumem tool gives up: one line of text and an exit status.
#pragma once

#include <stdexcept>
#include <string>

namespace tool {

enum class exit_status : int {
    ok = 0,
    failed = 1, // the work could not be done
    usage = 2,  // the command line makes no sense
};

class failure : public std::runtime_error {
public:
    explicit failure(const std::string &what,
                     exit_status status = exit_status::failed)
        : std::runtime_error(what), status_(status) {}
    exit_status status() const { return status_; }

private:
    exit_status status_;
};

// "WHAT: strerror(ERR)"; @err may be positive or negative.
failure errno_failure(const std::string &what, int err);

} // namespace tool
