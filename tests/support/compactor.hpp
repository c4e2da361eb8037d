// SPDX-License-Identifier: MIT
// Compaction that does not stop, beside what a test does.
#pragma once

#include "support/system.hpp"

#include <atomic>
#include <thread>

namespace support {

class Compactor {
public:
    Compactor() = default;
    Compactor(const Compactor &) = delete;
    Compactor &operator=(const Compactor &) = delete;
    ~Compactor() {
        stop_ = true;
        thread_.join();
    }

private:
    std::atomic<bool> stop_ = false;
    std::thread thread_{[this] {
        while (!stop_)
            compact_memory();
    }};
};

} // namespace support
