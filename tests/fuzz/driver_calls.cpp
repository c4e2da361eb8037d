// SPDX-License-Identifier: MIT
// The driver's own ioctls, whose errors are known.
#include "fuzz/documented.hpp"
#include "fuzz/machine.hpp"
#include "fuzz/room.hpp"

#include <drm/gpumem_drm.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <type_traits>

namespace fuzz {

// An error must be one that is documented, and must change nothing.
template <typename Argument>
Answer Machine::ioctl_checked(const File &file, unsigned long request,
                              Argument &argument) {
    const Argument before = argument;
    const Answer got = answer(::ioctl(file.fd.get(), request, &argument));
    if (!got.error || !file.ours())
        return got;
    const auto nr = static_cast<unsigned>(_IOC_NR(request) - DRM_COMMAND_BASE);
    bool longterm = false;
    if constexpr (std::is_same_v<Argument, drm_gpumem_pin>)
        longterm = argument.flags & GPUMEM_PIN_LONGTERM;
    if (!may_answer(nr, got.error, longterm))
        throw Failure("ioctl " + std::to_string(nr) + " of the driver gives " +
                      std::strerror(got.error) + ", which is not documented");
    if (std::memcmp(&before, &argument, sizeof(argument)) != 0)
        throw Failure("ioctl " + std::to_string(nr) + " of the driver fails (" +
                      std::strerror(got.error) + ") and changes its argument");
    return got;
}

// What is too large to be kept goes at once: a pin would take all memory.
void Machine::adopt(File &file, std::uint32_t handle, std::uint64_t size) {
    if (kept_ + size > MAX_KEPT) {
        drm_gem_close close{};
        close.handle = handle;
        ::ioctl(file.fd.get(), DRM_IOCTL_GEM_CLOSE, &close);
        return;
    }
    kept_ += size;
    if (std::ranges::find(file.handles, handle) == file.handles.end())
        file.handles.push_back(handle);
}

Answer Machine::create(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gpumem_create args{};
    args.size = size_of(a[1]);
    args.flags = bit_of(a[2]);
    args.handle = bit_of(a[3]);
    const Answer got = ioctl_checked(*chosen, DRM_IOCTL_GPUMEM_CREATE, args);
    if (!got.error && chosen->ours()) {
        if (args.size != ((size_of(a[1]) + 4095) & ~std::uint64_t{4095}))
            throw Failure("a new buffer has the size " +
                          std::to_string(args.size));
        adopt(*chosen, args.handle, args.size);
    }
    return got;
}

Answer Machine::mmap_offset(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gpumem_mmap_offset args{};
    args.handle = handle(*chosen, a[1]);
    args.flags = bit_of(a[2]);
    args.offset = bit_of(a[3]);
    const Answer got =
        ioctl_checked(*chosen, DRM_IOCTL_GPUMEM_MMAP_OFFSET, args);
    if (!got.error)
        offsets_.push_back(args.offset);
    return got;
}

Answer Machine::pin_or_unpin(const Arguments &a, bool pin) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gpumem_pin args{};
    args.count = count_of(a[1]);
    args.flags = a[2] % 8 == 7 ? GPUMEM_PIN_LONGTERM : bit_of(a[2]);
    const std::size_t filled =
        std::min<std::size_t>(args.count, GPUMEM_PIN_MAX_HANDLES + 1);
    std::byte *at = pointer(a[3], filled * sizeof(std::uint32_t));
    args.handles = reinterpret_cast<std::uintptr_t>(at);
    // Others are in places that cannot be written, or not without a fault.
    if (at >= scratch_ && at < scratch_ + SCRATCH) {
        const std::size_t room =
            static_cast<std::size_t>(scratch_ + SCRATCH - at);
        for (std::size_t i = 0; i < std::min(filled, room / 4); ++i) {
            // The last one may be none of the file's.
            const bool last = i + 1 == filled;
            const std::uint32_t one = handle(
                *chosen, last && a[6] >= 128 ? a[6]
                                             : static_cast<std::uint8_t>(
                                                   (a[4] + i * a[5]) % 128));
            std::memcpy(at + i * sizeof(one), &one, sizeof(one));
        }
    }
    return ioctl_checked(
        *chosen, pin ? DRM_IOCTL_GPUMEM_PIN : DRM_IOCTL_GPUMEM_UNPIN, args);
}

Answer Machine::query(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gpumem_query args{};
    args.handle = handle(*chosen, a[1]);
    args.flags = bit_of(a[2]);
    args.size = bit_of(a[3]);
    args.file_pins = bit_of(a[4]);
    args.moved = bit_of(a[5]);
    const Answer got = ioctl_checked(*chosen, DRM_IOCTL_GPUMEM_QUERY, args);
    if (!got.error && chosen->ours() &&
        (args.size % 4096 ||
         args.resident_pages + args.cold_pages > args.size / 4096 ||
         args.file_pins > args.pins))
        throw Failure("a query gives size " + std::to_string(args.size) +
                      ", resident pages " +
                      std::to_string(args.resident_pages) + " and cold ones " +
                      std::to_string(args.cold_pages) + ", pins " +
                      std::to_string(args.pins) + ", the file's " +
                      std::to_string(args.file_pins));
    return got;
}

Answer Machine::stats(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gpumem_stats args{};
    args.backing = bit_of(a[1]);
    args.bytes = bit_of(a[2]);
    args.purged = bit_of(a[3]);
    return ioctl_checked(*chosen, DRM_IOCTL_GPUMEM_STATS, args);
}

Answer Machine::advise(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gpumem_madvise args{};
    args.handle = handle(*chosen, a[1]);
    args.advice = a[2] < 128 ? a[2] % 3U : bit_of(a[2]);
    args.retained = bit_of(a[3]);
    args.pad = bit_of(a[4]);
    return ioctl_checked(*chosen, DRM_IOCTL_GPUMEM_MADVISE, args);
}

// The driver's own compaction, mostly with a small budget.
Answer Machine::evacuate(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gpumem_compact args{};
    args.pages = a[1] < 192 ? a[1] : size_of(a[1]);
    args.time_ns = a[2] < 192 ? a[2] * std::uint64_t{1000} : size_of(a[2] % 64);
    args.flags = bit_of(a[3]);
    args.done = bit_of(a[4]);
    args.pages_moved = bit_of(a[5]);
    args.pages_scanned = bit_of(a[6]);
    const Answer got = ioctl_checked(*chosen, DRM_IOCTL_GPUMEM_COMPACT, args);
    if (!got.error && chosen->ours() &&
        (args.pages_moved > args.pages || args.done > 1))
        throw Failure("a compaction moves " + std::to_string(args.pages_moved) +
                      " of " + std::to_string(args.pages) + " pages, done " +
                      std::to_string(args.done));
    return got;
}

// Any number, direction, size and place of the argument.
Answer Machine::raw(const Arguments &a) {
    // Of DRM's own none that makes a file or waits.
    static constexpr std::array<unsigned, 12> CORE{
        0x00, 0x01, 0x02, 0x05, 0x07, 0x09, 0x0a, 0x0c, 0x0d, 0x1e, 0x1f, 0xb4};
    static constexpr std::array<unsigned, 14> SIZES{
        16, 24, 48, 56, 64, 120, 8, 4, 0, 1, 15, 72, 4096, 16383};
    File *chosen = file(a[0]);
    if (!chosen || !chosen->ours())
        return {false, 0};
    const bool own = a[1] < 160;
    const unsigned nr =
        own ? DRM_COMMAND_BASE + a[1] % 9U : CORE[a[1] % CORE.size()];
    const unsigned size = SIZES[a[2] % SIZES.size()];
    const unsigned direction = (a[2] / SIZES.size()) % 4U;
    std::byte *at = pointer(a[3], size);
    const bool good = at >= scratch_ && at < scratch_ + SCRATCH;
    if (good) {
        const std::span room(at,
                             static_cast<std::size_t>(scratch_ + SCRATCH - at));
        std::ranges::fill(room.first(std::min<std::size_t>(room.size(), size)),
                          std::byte{});
        const std::array<std::uint64_t, 2> words{
            a[4] < 128 ? handle(*chosen, a[4]) : size_of(a[5]), bit_of(a[6])};
        std::memcpy(at, words.data(), std::min(room.size(), sizeof(words)));
    }
    const Answer got =
        answer(::ioctl(chosen->fd.get(), _IOC(direction, 'd', nr, size), at));
    if (own && got.error && got.error != EFAULT &&
        !may_answer(nr - DRM_COMMAND_BASE, got.error, true))
        throw Failure("raw ioctl " + std::to_string(nr - DRM_COMMAND_BASE) +
                      " of the driver gives " + std::strerror(got.error) +
                      ", which is not documented");
    drm_gpumem_create made{};
    if (nr == DRM_COMMAND_BASE + DRM_GPUMEM_CREATE && !got.error && good &&
        at + sizeof(made) <= scratch_ + SCRATCH && direction & _IOC_READ &&
        size >= sizeof(made)) {
        std::memcpy(&made, at, sizeof(made));
        adopt(*chosen, made.handle, made.size);
    }
    return got;
}

} // namespace fuzz
