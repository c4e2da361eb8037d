// SPDX-License-Identifier: MIT
// Points of syncobjs' timelines, and events for them: none of these calls waits.
#include "fuzz/machine.hpp"
#include "fuzz/room.hpp"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <xf86drm.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace fuzz {
namespace {

// So that handles and points have a page each.
constexpr std::uint32_t MAX_POINTS = 512;
constexpr std::size_t POINTS_AT = 4096;

} // namespace

// Where arrays of handles and of their points are.
std::pair<std::uint64_t, std::uint64_t>
Machine::points_of(const File &file, std::uint32_t count, const Arguments &a) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto which = static_cast<std::uint8_t>(a[2] + i);
        const std::uint32_t one = any_of(file.syncobjs, which);
        const std::uint64_t point =
            point_of(static_cast<std::uint8_t>(a[3] + i));
        std::memcpy(scratch_ + i * sizeof(one), &one, sizeof(one));
        std::memcpy(scratch_ + POINTS_AT + i * sizeof(point), &point,
                    sizeof(point));
    }
    const auto address = [](std::byte *at) {
        return std::uint64_t{reinterpret_cast<std::uintptr_t>(at)};
    };
    std::byte *handles = pointer(a[4], count * sizeof(std::uint32_t));
    std::byte *points = pointer(a[5], count * sizeof(std::uint64_t));
    return {address(handles),
            address(points == scratch_ ? scratch_ + POINTS_AT : points)};
}

Answer Machine::timeline_array(const Arguments &a, unsigned long request,
                               std::uint32_t flags) {
    const File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_timeline_array args{};
    args.count_handles = std::min(count_of(a[1]), MAX_POINTS);
    std::tie(args.handles, args.points) =
        points_of(*chosen, args.count_handles, a);
    args.flags = flags;
    return answer(::ioctl(chosen->fd.get(), request, &args));
}

Answer Machine::timeline_signal(const Arguments &a) {
    return timeline_array(a, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, bit_of(a[6]));
}

Answer Machine::timeline_query(const Arguments &a) {
    return timeline_array(a, DRM_IOCTL_SYNCOBJ_QUERY,
                          a[6] < 128 ? a[6] % 2U : bit_of(a[6]));
}

// One that is to wait for the point would do so for five seconds.
Answer Machine::timeline_transfer(const Arguments &a) {
    const File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_transfer args{};
    args.src_handle = any_of(chosen->syncobjs, a[1]);
    args.dst_handle = any_of(chosen->syncobjs, a[2]);
    args.src_point = point_of(a[3]);
    args.dst_point = point_of(a[4]);
    args.flags = bit_of(a[5]) & ~DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
    args.pad = bit_of(a[6]);
    return answer(::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_TRANSFER, &args));
}

Answer Machine::timeline_wait(const Arguments &a) {
    const File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_timeline_wait args{};
    args.count_handles = std::min(count_of(a[1]), MAX_POINTS);
    std::tie(args.handles, args.points) =
        points_of(*chosen, args.count_handles, a);
    args.timeout_nsec = 0; // long ago
    args.flags = a[6] < 128 ? a[6] % 8U : bit_of(a[6]);
    return answer(
        ::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args));
}

Answer Machine::syncobj_eventfd(const Arguments &a) {
    const File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_eventfd args{};
    args.handle = any_of(chosen->syncobjs, a[1]);
    args.flags = a[2] < 128 ? a[2] % 2U << 2U : bit_of(a[2]);
    args.point = point_of(a[3]);
    args.pad = bit_of(a[4]);
    if (a[5] < 192) { // else something that is none
        const int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        args.fd = event;
        const Answer got = answer(
            ::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_EVENTFD, &args));
        keep(others_, event);
        return got;
    }
    args.fd = fd_of(a[6]);
    return answer(::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_EVENTFD, &args));
}

} // namespace fuzz
