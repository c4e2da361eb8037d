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
    remap,
    protect,
    fork,
    vm_readv,
    vmsplice,
    count, // not an operation
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Op::count)>
    OP_NAMES{"create",   "destroy",  "write",    "verify",      "pin",
             "unpin",    "dontneed", "willneed", "reimport",    "second file",
             "remap",    "protect",  "fork",     "vm_readv",    "vmsplice"};

struct Totals {
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> done{};
    // Refused with an error that is documented for the operation.
    std::array<std::atomic<std::uint64_t>, OP_NAMES.size()> refused{};
    std::atomic<std::uint64_t> pages_written{};
    std::atomic<std::uint64_t> pages_verified{};
    std::atomic<std::uint64_t> purged{};
    std::atomic<std::uint64_t> moves_asked{};
    std::atomic<std::uint64_t> failures{};
    std::atomic<std::uint64_t> next_buffer{1};
    std::atomic<bool> stop{};
};

} // namespace stress
