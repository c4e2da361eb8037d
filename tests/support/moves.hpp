// SPDX-License-Identifier: MIT
// Whether a page of a buffer can be moved, tried on the page itself.
#pragma once

#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <chrono>
#include <cstdint>
#include <thread>

namespace support {

// How long a move that must come may take on a slow machine.
constexpr auto PATIENCE = std::chrono::seconds(30);

// Has the kernel move the object's first page. A page can be busy for a moment,
// and an importer needs time to let go.
inline bool moves(std::uint64_t object,
                  std::chrono::steady_clock::duration patience = PATIENCE) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        if (!soft_offline(page_frames(object).front()))
            return true;
        if (std::chrono::steady_clock::now() >= end)
            return false;
        // The kernel logs each refusal.
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

} // namespace support
