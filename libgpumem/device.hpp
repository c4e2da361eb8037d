// SPDX-License-Identifier: MIT
// The device behind the C ABI: one open file, counted, and the table of GEM
// handles that its buffers use.
//
// Why a table: the kernel gives one handle per object and file. Importing the
// same dma-buf twice gives the same handle twice, so the handle may be closed
// only with the last bo that uses it, and no import may run between the
// decision to close it and the closing.
#pragma once

#include "system.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <unordered_map>

struct gpumem_device {
    gpumem_device(gpumem::internal::System &system, int owned_fd)
        : sys(system), fd(owned_fd) {}
    gpumem_device(const gpumem_device &) = delete;
    gpumem_device &operator=(const gpumem_device &) = delete;
    ~gpumem_device() { sys.close(fd); }

    int ioctl(unsigned long request, void *arg) {
        return gpumem::internal::restart_ioctl(sys, fd, request, arg);
    }

    void get() { refs.fetch_add(1, std::memory_order_relaxed); }
    void put();

    // Count one more bo on @handle. handle_lock is held.
    void use_handle_locked(std::uint32_t handle) { ++handle_users[handle]; }
    // Close @handle if no bo is counted on it. handle_lock is held.
    void close_unused_handle_locked(std::uint32_t handle);
    // Count one bo less; closes the handle with the last. handle_lock is held.
    void drop_handle_locked(std::uint32_t handle);

    gpumem::internal::System &sys;
    const int fd;
    std::atomic<unsigned> refs = 1;

    // Held over import and over closing a handle.
    std::mutex handle_lock;
    // Number of bos on each handle; protected by handle_lock.
    std::unordered_map<std::uint32_t, unsigned> handle_users;
};

namespace gpumem::internal {

// Run @body, which returns 0 or a negative errno; nothing throws past the C ABI.
template <typename Body> int no_throw(Body body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (const std::exception &) {
        return -EIO;
    }
}

} // namespace gpumem::internal
