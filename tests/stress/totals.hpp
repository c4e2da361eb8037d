// SPDX-License-Identifier: MIT
// What all processes of a run did. Lies in shared memory and outlives those
// that are killed.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
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
    cold,
    reimport,
    second_file,
    attach,
    remap,
    protect,
    hole,
    outlive,
    fork,
    vm_readv,
    vmsplice,
    from_pipe,
    direct_io,
    cpu_access,
    count, // not an operation
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Op::count)>
    OP_NAMES{"create", "destroy",  "write",    "verify",      "pin",
             "unpin",  "dontneed", "willneed", "cold",        "reimport",
             "second file",        "attach",   "remap",       "protect",
             "hole",   "outlive",  "fork",     "vm_readv",    "vmsplice",
             "from a pipe",        "O_DIRECT",    "CPU access"};

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
    group_limit,
    nodes,
    own_compaction,
    unplug,
    count, // not a move
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Move::count)>
    MOVE_NAMES{"compaction", "huge pages",     "contiguous", "shrinking",
               "offlining",  "soft-offlining", "unloading",  "memory pressure",
               "OOM killer", "group's limit",  "other node",
               "own compaction", "unplug"};

// Kinds of the tests' importer. The first pins on every kernel.
constexpr std::array<std::string_view, 3> IMPORTERS{"static", "told", "lazy"};

constexpr std::size_t MOST_PROCESSES = 64; // at a time

struct Totals {
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> done{};
    // Refused with an error that is documented for the operation.
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> refused{};
    // Of these, that were excused: for want of memory for a call or a page, and
    // with EBUSY.
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> no_memory{};
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> busy{};
    std::array<std::atomic<std::uint64_t>, MOVE_NAMES.size()> moves_done{};
    std::array<std::atomic<std::uint64_t>, MOVE_NAMES.size()> moves_refused{};
    // Importers that saw what was in the buffer.
    std::array<std::atomic<std::uint64_t>, IMPORTERS.size()> imported{};
    std::atomic<std::uint64_t> pages_written{};
    std::atomic<std::uint64_t> pages_verified{};
    // Moves of pages of buffers of which every page was read afterwards, before
    // anything was written over what had moved.
    std::atomic<std::uint64_t> moves_verified{};
    std::atomic<std::uint64_t> purged{};
    // Pages that the driver's own compaction moved.
    std::atomic<std::uint64_t> compacted{};
    // Blocks that went offline when they had to.
    std::atomic<std::uint64_t> had_to_go{};
    // Touches for which the driver said that it had no memory.
    std::atomic<std::uint64_t> pages_refused{};
    // Page frames of pinned pages that were found where they had been.
    std::atomic<std::uint64_t> frames_compared{};
    // Pins for long, beside which nobody held the pages, or not for long.
    std::atomic<std::uint64_t> long_pins{};
    // Operations that met a device that was gone.
    std::atomic<std::uint64_t> met_gone{};
    std::atomic<std::uint64_t> failures{};
    std::atomic<std::uint64_t> next_buffer{1};
    // Counts up when memory gets short and when it is there again.
    std::atomic<std::uint64_t> shortages{};
    std::atomic<bool> stop{};
    // The device is being unplugged: calls answer ENODEV, touched buffers give
    // SIGBUS.
    std::atomic<bool> gone{};
    // Processes end, for the device is to come back.
    std::atomic<bool> leave{};
    // Nobody is to hold a page where it is.
    std::atomic<bool> calm{};
    // Pages that each process has in pipes now; of one that was killed nobody
    // else counts them down.
    std::array<std::atomic<std::uint64_t>, MOST_PROCESSES> in_pipes{};
    // Others use the device and memory as well.
    std::atomic<bool> others{};
    // By the clock of all processes: when somebody looked whether others take
    // memory, and when they did.
    std::atomic<std::chrono::steady_clock::time_point> others_looked_at{};
    std::atomic<std::chrono::steady_clock::time_point> others_took{};
    // What was wrong first.
    std::atomic<bool> has_words{};
    std::array<char, 512> words{};
};

} // namespace stress
