// SPDX-License-Identifier: MIT
// The buffer object behind the C ABI: one user's hold on a GEM handle, with the
// mapping and the pins that were made through it.
#pragma once

#include "device.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

struct gpumem_bo {
    explicit gpumem_bo(gpumem_device *device) : dev(device) { dev->get(); }
    gpumem_bo(const gpumem_bo &) = delete;
    gpumem_bo &operator=(const gpumem_bo &) = delete;
    ~gpumem_bo() { dev->put(); }

    gpumem_device *const dev;
    std::uint32_t handle = 0; // constant once the bo is handed out
    std::uint64_t size = 0;   // bytes; constant once the bo is handed out

    std::mutex map_lock;
    void *addr = nullptr;    // protected by map_lock
    unsigned map_users = 0;  // protected by map_lock

    // Pins made through this bo and not undone.
    std::atomic<std::uint64_t> pins = 0;

    // Forget one pin. Returns false if there is none.
    bool take_pin() {
        std::uint64_t have = pins.load();
        do {
            if (have == 0)
                return false;
        } while (!pins.compare_exchange_weak(have, have - 1));
        return true;
    }
};

namespace gpumem::internal {

// Tell the driver to drop all pins of @bo, whose handle others still use.
void drop_pins(gpumem_bo &bo);

} // namespace gpumem::internal
