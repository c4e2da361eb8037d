// SPDX-License-Identifier: MIT
// The system calls that the library makes, behind an interface, so that unit
// tests can stand in for the kernel. Knows nothing of devices or buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gpumem::internal {

// Calls return what the system call returns, or a negative errno.
class System {
public:
    System() = default;
    System(const System &) = delete;
    System &operator=(const System &) = delete;
    virtual ~System() = default;

    virtual int open(const char *path) = 0;
    virtual int duplicate(int fd) = 0;
    virtual void close(int fd) = 0;
    virtual int ioctl(int fd, unsigned long request, void *arg) = 0;
    // Shared, read-write. @out is written on success only.
    virtual int map(int fd, std::size_t size, std::uint64_t offset,
                    void **out) = 0;
    virtual void unmap(void *addr, std::size_t size) = 0;

    // Paths of all render nodes, lowest number first.
    virtual std::vector<std::string> render_nodes() = 0;
    // Name of the DRM driver behind @fd; empty if it is no DRM device.
    virtual std::string driver_name(int fd) = 0;
};

// The kernel, or what a unit test has put in its place.
System &current_system();

// Put @replacement (nullptr: the kernel) in place for devices opened from now
// on. For unit tests, before they start threads.
void replace_system(System *replacement);

// ioctl(), repeated while it is interrupted. Returns 0 or a negative errno.
// More than any version's structs will have: what is above was never set.
constexpr std::uint32_t MAX_STRUCT_SIZE = 4096;

int restart_ioctl(System &sys, int fd, unsigned long request, void *arg);

} // namespace gpumem::internal
