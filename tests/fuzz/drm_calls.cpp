// SPDX-License-Identifier: MIT
// What DRM's core does for every driver: GEM handles and names, PRIME, dumb
// buffers, syncobjs, and fences, which come from vgem.
#include "fuzz/machine.hpp"
#include "fuzz/room.hpp"

#include <sys/ioctl.h>
#include <xf86drm.h>

#include <algorithm>
#include <cstring>

namespace fuzz {
namespace {

// vgem's uapi, for which libdrm has no header.
struct VgemFenceAttach {
    std::uint32_t handle, flags, out_fence, pad;
};
struct VgemFenceSignal {
    std::uint32_t fence, flags;
};
constexpr unsigned long VGEM_ATTACH =
    DRM_IOWR(DRM_COMMAND_BASE + 1, VgemFenceAttach);
constexpr unsigned long VGEM_SIGNAL =
    DRM_IOW(DRM_COMMAND_BASE + 2, VgemFenceSignal);

// Allocations that the kernel would warn of are not the driver's fault.
constexpr std::uint32_t MAX_WAIT = 4096;

} // namespace

Answer Machine::gem_close(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gem_close args{};
    args.handle = handle(*chosen, a[1]);
    args.pad = bit_of(a[2]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_GEM_CLOSE, &args));
    if (!got.error)
        std::erase(chosen->handles, args.handle);
    return got;
}

Answer Machine::flink(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gem_flink args{};
    args.handle = handle(*chosen, a[1]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_GEM_FLINK, &args));
    if (!got.error)
        names_.push_back(args.name);
    return got;
}

Answer Machine::gem_open(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_gem_open args{};
    args.name = any_of(names_, a[1]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_GEM_OPEN, &args));
    if (!got.error)
        adopt(*chosen, args.handle, 0);
    return got;
}

Answer Machine::prime_export(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_prime_handle args{};
    args.handle = handle(*chosen, a[1]);
    args.flags = DRM_CLOEXEC | (a[2] % 4 ? DRM_RDWR : 0) | bit_of(a[3]);
    args.fd = -1;
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_PRIME_HANDLE_TO_FD, &args));
    if (!got.error)
        keep(dmabufs_, args.fd);
    return got;
}

Answer Machine::prime_import(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_prime_handle args{};
    args.fd = a[1] < 224 ? dmabuf(a[1]) : fd_of(a[2]);
    args.flags = bit_of(a[3]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_PRIME_FD_TO_HANDLE, &args));
    if (!got.error)
        adopt(*chosen, args.handle, 0);
    return got;
}

Answer Machine::dumb_create(const Arguments &a) {
    static constexpr std::array<std::uint32_t, 12> SIDES{
        64,   1,      16,      640,        0,          1024,
        4096, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    static constexpr std::array<std::uint32_t, 8> DEPTHS{
        32, 8, 16, 1, 0, 64, 0xffffffff, 24};
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_mode_create_dumb args{};
    args.width = SIDES[a[1] % SIDES.size()];
    args.height = SIDES[a[2] % SIDES.size()];
    args.bpp = DEPTHS[a[3] % DEPTHS.size()];
    args.flags = bit_of(a[4]);
    args.handle = bit_of(a[5]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_MODE_CREATE_DUMB, &args));
    if (!got.error) {
        if (chosen->ours() &&
            (args.size < std::uint64_t{args.pitch} * args.height ||
             std::uint64_t{args.pitch} * 8 <
                 std::uint64_t{args.width} * args.bpp))
            throw Failure("a dumb buffer is too small: pitch " +
                          std::to_string(args.pitch) + ", size " +
                          std::to_string(args.size));
        adopt(*chosen, args.handle, args.size);
    }
    return got;
}

Answer Machine::dumb_map(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_mode_map_dumb args{};
    args.handle = handle(*chosen, a[1]);
    args.pad = bit_of(a[2]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_MODE_MAP_DUMB, &args));
    if (!got.error)
        offsets_.push_back(args.offset);
    return got;
}

Answer Machine::dumb_destroy(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_mode_destroy_dumb args{};
    args.handle = handle(*chosen, a[1]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_MODE_DESTROY_DUMB, &args));
    if (!got.error)
        std::erase(chosen->handles, args.handle);
    return got;
}

Answer Machine::syncobj_create(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_create args{};
    args.flags = a[1] < 128 ? a[1] % 2U : bit_of(a[1]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_CREATE, &args));
    if (!got.error)
        chosen->syncobjs.push_back(args.handle);
    return got;
}

Answer Machine::syncobj_destroy(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_destroy args{};
    args.handle = any_of(chosen->syncobjs, a[1]);
    args.pad = bit_of(a[2]);
    const Answer got =
        answer(::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_DESTROY, &args));
    if (!got.error)
        std::erase(chosen->syncobjs, args.handle);
    return got;
}

Answer Machine::syncobj_wait(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_wait args{};
    args.count_handles = std::min(count_of(a[1]), MAX_WAIT);
    args.timeout_nsec = 0; // long ago
    args.flags = a[2] < 128 ? a[2] % 4U : bit_of(a[2]);
    const std::size_t bytes = args.count_handles * sizeof(std::uint32_t);
    std::byte *at = pointer(a[3], bytes);
    if (at == scratch_)
        for (std::uint32_t i = 0; i < args.count_handles; ++i) {
            const std::uint32_t one =
                any_of(chosen->syncobjs, static_cast<std::uint8_t>(a[4] + i));
            std::memcpy(at + i * sizeof(one), &one, sizeof(one));
        }
    args.handles = reinterpret_cast<std::uintptr_t>(at);
    return answer(::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_WAIT, &args));
}

Answer Machine::syncobj_array(const Arguments &a, unsigned long request) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    std::uint32_t one = any_of(chosen->syncobjs, a[1]);
    drm_syncobj_array args{};
    args.count_handles = a[2] % 8 ? 1 : 0;
    args.pad = bit_of(a[3]);
    args.handles = reinterpret_cast<std::uintptr_t>(&one);
    return answer(::ioctl(chosen->fd.get(), request, &args));
}

Answer Machine::syncobj_signal(const Arguments &a) {
    return syncobj_array(a, DRM_IOCTL_SYNCOBJ_SIGNAL);
}

Answer Machine::syncobj_reset(const Arguments &a) {
    return syncobj_array(a, DRM_IOCTL_SYNCOBJ_RESET);
}

Answer Machine::syncobj_export(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_handle args{};
    args.handle = any_of(chosen->syncobjs, a[1]);
    args.flags = a[2] < 128 ? a[2] % 2U : bit_of(a[2]);
    args.fd = -1;
    const Answer got = answer(
        ::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args));
    if (!got.error)
        keep(others_, args.fd);
    return got;
}

Answer Machine::syncobj_import(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    drm_syncobj_handle args{};
    args.handle = any_of(chosen->syncobjs, a[1]);
    args.flags = a[2] < 128 ? a[2] % 2U : bit_of(a[2]);
    args.fd = others_.empty() || a[3] == 255
                  ? fd_of(a[3])
                  : others_[a[3] % others_.size()].get();
    const Answer got = answer(
        ::ioctl(chosen->fd.get(), DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args));
    if (!got.error && !args.flags)
        chosen->syncobjs.push_back(args.handle);
    return got;
}

// A fence that does not signal, on a buffer that vgem imported.
Answer Machine::fence_attach(const Arguments &a) {
    const auto vgem = std::ranges::find(files_, Kind::vgem, &File::kind);
    if (vgem == files_.end())
        return {false, 0};
    VgemFenceAttach args{};
    args.handle = handle(*vgem, a[1]);
    args.flags = a[2] < 224 ? a[2] % 2U : bit_of(a[2]);
    const Answer got = answer(::ioctl(vgem->fd.get(), VGEM_ATTACH, &args));
    if (!got.error)
        vgem->fences.push_back(args.out_fence);
    return got;
}

Answer Machine::fence_signal(const Arguments &a) {
    const auto vgem = std::ranges::find(files_, Kind::vgem, &File::kind);
    if (vgem == files_.end())
        return {false, 0};
    VgemFenceSignal args{};
    args.fence = any_of(vgem->fences, a[1]);
    args.flags = bit_of(a[2]);
    return answer(::ioctl(vgem->fd.get(), VGEM_SIGNAL, &args));
}

void Machine::signal_fences() {
    for (File &file : files_) {
        for (const std::uint32_t fence : file.fences) {
            VgemFenceSignal args{fence, 0};
            ::ioctl(file.fd.get(), VGEM_SIGNAL, &args);
        }
        file.fences.clear();
    }
}

} // namespace fuzz
