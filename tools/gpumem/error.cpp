// SPDX-License-Identifier: MIT
#include "error.hpp"

#include <cstdlib>
#include <system_error>

namespace tool {

failure errno_failure(const std::string &what, int err) {
    return failure(what + ": " + std::generic_category().message(std::abs(err)));
}

} // namespace tool
