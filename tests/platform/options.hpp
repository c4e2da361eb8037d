// SPDX-License-Identifier: MIT
// What the command line of gpumem-platform says.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace platform {

struct Options {
    std::uint64_t memory = 0; // bytes of the machine; all sizes are parts of it
    std::uint64_t seed = 1;
    std::chrono::seconds duration{120};
    std::chrono::seconds interval{5};
    bool cold = false;   // advise buffers GPUMEM_MADV_COLD
};

} // namespace platform
