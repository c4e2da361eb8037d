// SPDX-License-Identifier: MIT
// What all processes of a run did. Lies in shared memory and outlives those that
// are killed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace stress {

enum class Op : std::uint8_t {
    create,
    destroy,
    write,
    verify,
    pin,
    unpin,
    dontneed,
    willneed,
    reimport,
    second_file,
    attach,
    remap,
    protect,
    fork,
    vm_readv,
    vmsplice,
    direct_io,
    count, // not an operation
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Op::count)>
    OP_NAMES{"create",   "destroy",     "write",    "verify", "pin",     "unpin",
             "dontneed", "willneed",    "reimport", "second file", "attach",
             "remap",    "protect",     "fork",     "vm_readv", "vmsplice",
             "O_DIRECT"};

// What moves and takes memory, and the device.
enum class Move : std::uint8_t {
    compaction,
    huge_pages,
    contiguous,
    shrinking,
    offlining,
    soft_offlining,
    unloading,
    memory_pressure,
    oom_killer,
    unplug,
    count, // not a move
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Move::count)>
    MOVE_NAMES{"compaction", "huge pages",     "contiguous", "shrinking", "offlining",
               "soft-offlining", "unloading", "memory pressure", "OOM killer", "unplug"};

struct Totals {
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> done{};
    // Refused with an error that is documented for the operation.
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> refused{};
    std::array<std::atomic<std::uint64_t>, MOVE_NAMES.size()> moves_done{};
    std::array<std::atomic<std::uint64_t>, MOVE_NAMES.size()> moves_refused{};
    std::atomic<std::uint64_t> pages_written{};
    std::atomic<std::uint64_t> pages_verified{};
    std::atomic<std::uint64_t> purged{};
    std::atomic<std::uint64_t> failures{};
    std::atomic<std::uint64_t> next_buffer{1};
    // Counts up when memory gets short and when it is there again.
    std::atomic<std::uint64_t> shortages{};
    std::atomic<bool> stop{};
    // The device is being unplugged: processes end, calls answer ENODEV, touched
    // buffers give SIGBUS.
    std::atomic<bool> gone{};
};

} // namespace stress
