// SPDX-License-Identifier: MIT
// The guest's system as tests see it: files of the kernel, child
// processes. Knows nothing of buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>

namespace support {

constexpr std::size_t PAGE = 4096;

// Whole contents of a file; throws std::runtime_error naming it.
std::string read_file(const std::string &path);
void write_file(const std::string &path, const std::string &text);

// Writes once; 0 or the errno that the file's owner answered.
int write_errno(const std::string &path, const std::string &text);

// Loads a module of tests/kmod/; throws if it cannot be.
void load_test_module(const std::string &name);

// The number that follows @key in a file of "key number" lines.
std::uint64_t value_of(const std::string &path, const std::string &key);

// Bytes of all memory, and of what can be had without swapping.
std::uint64_t all_memory();
std::uint64_t available_memory();

// Empties the batches in which CPUs keep pages on their way to the LRU, each with
// a reference, and waits for it. Compaction does so too, but what it moves comes
// into them again.
void drain_lru_batches();

// Ask the kernel to compact all memory, once, and wait for it.
void compact_memory();

// Asks the kernel to move whatever is in the page frame and use it no more; 0
// or the kernel's errno.
int soft_offline(std::uint64_t frame);

// Opens a DRM node of the driver, "card" or "renderD"; -1 if there is none.
int open_drm(const std::string &driver, const std::string &node);

// Memory by a key of /proc/self/fdinfo, for example "active"; new kernels leave
// out some that are 0.
std::string fdinfo_memory(int fd, const std::string &key);

// What a child ends with when its body throws.
constexpr int CHILD_THREW = 99;

// Starts a child that runs @body and ends with what that returns.
pid_t start_child(const std::function<int()> &body);

// Waits for it; returns its wait status.
int wait_for(pid_t child);

// Runs @body in a child; returns its wait status.
int in_child(const std::function<int()> &body);

// The running kernel is at least this version.
bool kernel_is_at_least(int major, int minor);

// The page frame lies in ZONE_MOVABLE, which a guest has with movablecore=.
bool is_in_zone_movable(std::uint64_t frame);

// Exit status of a command run by the shell; its output is dropped.
int shell(const std::string &command);

// Whether reading the byte ends in SIGBUS (in a child).
bool read_gives_sigbus(const volatile std::byte *byte);

} // namespace support
