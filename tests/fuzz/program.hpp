// SPDX-License-Identifier: MIT
// A program is a list of calls. Any bytes are one: eight for each call, the
// first names the call, the others are its arguments. What an argument means is
// up to the call; knows no kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

// New ones come last: inputs that there are keep their meaning.
// clang-format off
#define FUZZ_OPS(X) \
    X(open) X(close_file) X(dup_file) \
    X(create) X(mmap_offset) X(pin) X(unpin) X(query) X(stats) X(advise) \
    X(raw) \
    X(gem_close) X(flink) X(gem_open) X(prime_export) X(prime_import) \
    X(dumb_create) X(dumb_map) X(dumb_destroy) \
    X(syncobj_create) X(syncobj_destroy) X(syncobj_wait) X(syncobj_signal) \
    X(syncobj_reset) X(syncobj_export) X(syncobj_import) \
    X(fence_attach) X(fence_signal) \
    X(mmap_file) X(mmap_dmabuf) X(munmap) X(mremap) X(mprotect) X(madvise) \
    X(mlock) X(touch) X(vm_readv) X(vmsplice) \
    X(dmabuf_sync) X(dmabuf_name) X(dmabuf_export_sync) X(dmabuf_import_sync) \
    X(dmabuf_foreign) X(dmabuf_close) X(dmabuf_dup) \
    X(lseek) X(poll) X(read) X(read_state) \
    X(limit) X(compact) X(shrink) \
    X(evacuate) \
    X(timeline_signal) X(timeline_query) X(timeline_transfer) X(timeline_wait) \
    X(syncobj_eventfd)
// clang-format on

enum class Op : std::uint8_t {
#define X(name) name,
    FUZZ_OPS(X)
#undef X
};

inline constexpr std::array OP_NAMES{
#define X(name) std::string_view(#name),
    FUZZ_OPS(X)
#undef X
};

inline constexpr std::size_t ARGUMENTS = 7;
inline constexpr std::size_t CALL_BYTES = 1 + ARGUMENTS;
// Calls beyond are not part of the program.
inline constexpr std::size_t MAX_CALLS = 64;
inline constexpr std::size_t MAX_BYTES = MAX_CALLS * CALL_BYTES;

struct Call {
    Op op{};
    std::array<std::uint8_t, ARGUMENTS> arg{};

    bool operator==(const Call &) const = default;
};

using Program = std::vector<Call>;

// A last call that is cut short has zeros for what is missing.
Program decode(std::span<const std::uint8_t> bytes);

// decode() of it is the program again.
std::vector<std::uint8_t> encode(const Program &program);

// "pin 0 1 2 3 4 5 6"
std::string text(const Call &call);

} // namespace fuzz
