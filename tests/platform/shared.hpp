// SPDX-License-Identifier: MIT
// What the processes of a run tell each other, in memory that all of them map.
#pragma once

#include "platform/histogram.hpp"

#include <atomic>
#include <cstdint>

namespace platform {

using Count = std::atomic<std::uint64_t>;

struct Shared {
    // For all: the end has come. For who fills memory: it is full.
    std::atomic<bool> stop{false};
    std::atomic<bool> full{false};

    // Of the GPU's buffers, now. The first scene is loaded while it is 1.
    Count scenes{0};
    Count buffers{0};
    Count buffer_bytes{0};
    Count buffer_target{0};
    Count cold_bytes{0};
    // Since the start.
    Count buffers_made{0};
    Count pages_filled{0};
    Count pages_verified{0};
    Count pages_wrong{0};
    Count pages_refused{0};
    Count buffers_refused{0}; // not even their making
    Histogram first_touch;    // a page gets its memory
    Histogram touch;          // a page that is there
    Histogram cold_touch;     // a page that was advised COLD and not noise

    Count forks{0};
    Count forks_failed{0};
    Count apps_ended{0};
    Count compiled{0};
    Count compile_failed{0};
    Count killed{0}; // of any of these, by the kernel for want of memory
    Count bytes_read{0};
};

} // namespace platform
