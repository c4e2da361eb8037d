// SPDX-License-Identifier: MIT
// A memory cgroup (version 2) of its own, for as long as it is in scope.
#pragma once

#include <cstdint>
#include <string>

namespace support {

class MemoryGroup {
public:
    // Mounts the hierarchy if nobody has; throws std::runtime_error.
    MemoryGroup();
    MemoryGroup(const MemoryGroup &) = delete;
    MemoryGroup &operator=(const MemoryGroup &) = delete;
    // Nobody may be in it any more.
    ~MemoryGroup();

    // More than this many bytes its members do not get.
    void limit(std::uint64_t bytes) const;

    // The calling process becomes a member.
    void enter() const;

    // The number after a key in memory.stat or memory.events.
    [[nodiscard]] std::uint64_t get(const std::string &file,
                                    const std::string &key) const;

    // What its members have, in bytes.
    [[nodiscard]] std::uint64_t usage() const;

    // The most that its members ever had, in bytes.
    [[nodiscard]] std::uint64_t peak() const;

private:
    std::string root_;
    std::string path_;
};

} // namespace support
