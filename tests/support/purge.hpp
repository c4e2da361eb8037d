// SPDX-License-Identifier: MIT
// Memory pressure as the shrinkers know it.
#pragma once

#include "support/system.hpp"

#include <gpumem/gpumem.hpp>

#include <chrono>
#include <thread>

namespace support {

// All that shrinkers have to give. What was touched just now may sit in a batch
// of some CPU for a while, so whoever waits for a purge asks again.
inline void shrink() { write_file("/proc/sys/vm/drop_caches", "2"); }

inline bool becomes_purged(const gpumem::Bo &bo) {
    for (int i = 0; i < 200; ++i) {
        shrink();
        if (bo.query().purged)
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

} // namespace support
