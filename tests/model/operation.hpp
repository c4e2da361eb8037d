// SPDX-License-Identifier: MIT
// What one can do with the driver, as small values: a sequence of them is a
// text file, one operation a line, as "create file=0 slot=1 pages=4".
// Everything that an operation names is a place (a slot): of an open file, a
// handle, a mapping, a dma-buf, an importer, a name. What the place holds, if
// anything, is the sequence's doing.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace model {

inline constexpr std::size_t FILES = 2;
inline constexpr std::size_t SLOTS = 5;
inline constexpr std::size_t MAPS = 3;
inline constexpr std::size_t BUFS = 2;
inline constexpr std::size_t IMPORTERS = 2;
inline constexpr std::size_t NAMES = 2;
inline constexpr int MAX_PAGES = 8;
inline constexpr int NO_SLOT = -1;

enum class Kind {
    open,    // the DRM file
    close,   // its descriptor
    create,  // a buffer, its handle goes to the slot
    free,    // close the handle; the slot keeps the number
    offset,  // ask for the offset to map
    pin,     // slot, and second and third unless they are NO_SLOT
    unpin,   // likewise
    madvise, //
    query,   //
    stats,   //
    map,     // a file at the offset of a slot, maybe another file's
    unmap,   //
    read,    // a page through a mapping
    write,   // likewise
    to_buf,  // export a handle as a dma-buf
    release, // close the dma-buf's descriptor
    import,  // a dma-buf, its handle goes to the slot
    map_buf, // a dma-buf, from a page on
    foreign, // a dma-buf of another device
    attach,  // an importer that keeps the buffer in place, to a dma-buf, or one
             // that lets go of it when it is told
    detach,  //
    sum,     // of the first words of all pages, as the importer sees them, if
             // it has not let go
    shrink,  // all that shrinkers have to give
    compact, // all memory, by the kernel
    evacuate,  // page blocks, by the driver, with a budget of pages
    flink,     // give a handle's buffer a name, for whoever knows it
    open_name, // what has the name, its handle goes to the slot
    sync,      // begin or end the CPU's access to a dma-buf
    fence,     // of the importer's, which signals with signal or detach
    signal,    //
};
inline constexpr std::size_t KINDS = 30;

// What is special about an operation; kinds that do not know it take it for
// plain.
enum class Variant {
    plain,
    unknown_flag, // a bit that means nothing
    dirty_field,  // an output is not 0
    dirty_pad,    // padding is not 0
    overflow,     // a size that cannot be rounded up, a time without end
    huge,         // more than any machine has
    odd,          // a byte less than whole pages
    longterm,     // GPUMEM_PIN_LONGTERM
    empty,        // no handle at all
    too_many,     // handles, pages
    bad_address,  // of the array
    many,         // the array, many times over; all pages that a call moves
    read_only,    //
    private_copy, // MAP_PRIVATE
    beside,       // a page behind the offset
    no_dmabuf,    // the descriptor of the DRM file itself
    told,         // lets go at once
    lazy,         // keeps what it has, which means nothing any more
    timed,        // a time that may be too short
    unprivileged, // without CAP_SYS_ADMIN
    primary,      // the node of the device that knows names
    limited,      // without CAP_IPC_LOCK, with a low RLIMIT_MEMLOCK
    limited_long, // likewise, longterm
};
inline constexpr std::size_t VARIANTS = 23;
// For Variant::many.
inline constexpr std::size_t MANY = 300;
// Of Variant::limited.
inline constexpr std::size_t LIMIT_PAGES = MAX_PAGES / 2;

struct Operation {
    Kind kind = Kind::open;
    Variant variant = Variant::plain;
    int file = 0;
    int slot = 0;
    int second = NO_SLOT;
    int third = NO_SLOT;
    int map = 0;
    int buf = 0;
    int importer = 0;
    int name = 0;
    int pages = 0;
    int page = 0;
    int value = 0;
    int advice = 0;
    int flags = 0;

    bool operator==(const Operation &) const = default;
};

inline bool is_limited(const Operation &op) {
    return op.variant == Variant::limited ||
           op.variant == Variant::limited_long;
}
inline bool is_longterm(const Operation &op) {
    return op.variant == Variant::longterm ||
           op.variant == Variant::limited_long;
}

using Sequence = std::vector<Operation>;

// One of the numbers of an operation.
struct Field {
    std::string_view name;
    int Operation::*member;
    int min;
    int max;
};

struct KindInfo {
    std::string_view name;
    std::vector<Field> fields;     // in the order of the text
    std::vector<Variant> variants; // besides plain
    unsigned weight;               // in random sequences
    unsigned plain = 7;            // of them for each one of a variant, nearly
};

const KindInfo &info(Kind kind);

std::string to_text(const Operation &operation);
std::string to_text(std::span<const Operation> sequence);

// Empty lines and those that start with '#' are no operations. Throws
// std::invalid_argument that names the line.
Sequence parse_sequence(const std::string &text);

} // namespace model
