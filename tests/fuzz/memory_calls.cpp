// SPDX-License-Identifier: MIT
// Mappings of buffers and what one can do with them. Each lies in a window of
// its own; what is unmapped is taken again at once, so that no other memory of
// the process comes to lie there.
#include "fuzz/machine.hpp"
#include "fuzz/room.hpp"
#include "fuzz/touch.hpp"
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

using support::PAGE;

namespace fuzz {

std::byte *Machine::window(std::size_t i) const {
    return windows_ + i * WINDOW;
}

std::size_t Machine::free_window() const {
    for (std::size_t i = 0; i < WINDOWS; ++i)
        if (std::ranges::find(mappings_, i, &Mapping::window) ==
            mappings_.end())
            return i;
    return WINDOWS;
}

void Machine::reserve(std::byte *at, std::size_t size) const {
    if (::mmap(at, size, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
               0) == MAP_FAILED)
        throw std::runtime_error("addresses cannot be taken back");
}

Answer Machine::map(int fd, std::uint64_t offset, std::uint64_t size,
                    const Arguments &a) {
    static constexpr std::array PROTS{PROT_READ | PROT_WRITE,
                                      PROT_READ,
                                      PROT_WRITE,
                                      PROT_NONE,
                                      PROT_READ | PROT_EXEC,
                                      PROT_READ | PROT_WRITE | PROT_EXEC};
    static constexpr std::array FLAGS{MAP_SHARED,
                                      MAP_SHARED | MAP_POPULATE,
                                      MAP_SHARED_VALIDATE,
                                      MAP_PRIVATE,
                                      MAP_SHARED | MAP_LOCKED,
                                      MAP_SHARED_VALIDATE | MAP_SYNC,
                                      MAP_SHARED | MAP_NORESERVE,
                                      MAP_SHARED | MAP_NONBLOCK | MAP_POPULATE};
    const std::array<std::uint64_t, 10> lengths{size,
                                                size,
                                                PAGE,
                                                size + PAGE,
                                                0,
                                                size / 2,
                                                size - 1,
                                                1,
                                                std::uint64_t{1} << 40,
                                                ~std::uint64_t{0}};
    const std::size_t free = free_window();
    if (free == WINDOWS)
        return {false, 0};
    const std::uint64_t length = lengths[a[2] % lengths.size()];
    const bool fits = length <= WINDOW;
    const int prot = PROTS[a[3] % PROTS.size()];
    const int flags = FLAGS[a[4] % FLAGS.size()] | (fits ? MAP_FIXED : 0);
    if (a[5] >= 192) // before, inside, behind or between pages
        offset += std::array<std::uint64_t, 4>{~std::uint64_t{0} - 4095, PAGE,
                                               size, 1}[a[5] % 4U];
    void *at = ::mmap(fits ? window(free) : nullptr, length, prot, flags, fd,
                      static_cast<off_t>(offset));
    if (at == MAP_FAILED) {
        const int error = errno;
        if (fits && length)
            reserve(window(free), WINDOW);
        return {true, error};
    }
    if (fits)
        mappings_.push_back({static_cast<std::byte *>(at),
                             (length + PAGE - 1) / PAGE * PAGE, free});
    else
        ::munmap(at, length);
    return {true, 0};
}

Answer Machine::mmap_file(const Arguments &a) {
    File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    if (a[1] >= 192) {
        const std::uint64_t offset = a[1] < 224 && !offsets_.empty()
                                         ? offsets_[a[1] % offsets_.size()]
                                         : size_of(a[6]);
        return map(chosen->fd.get(), offset, MAX_SIZE, a);
    }
    drm_gpumem_query query{};
    drm_gpumem_mmap_offset args{};
    query.handle = args.handle = handle(*chosen, a[1]);
    ::ioctl(chosen->fd.get(), DRM_IOCTL_GPUMEM_QUERY, &query);
    ::ioctl(chosen->fd.get(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args);
    return map(chosen->fd.get(), args.offset, query.size, a);
}

Answer Machine::mmap_dmabuf(const Arguments &a) {
    const int fd = dmabuf(a[1]);
    const auto size = ::lseek(fd, 0, SEEK_END);
    return map(fd, 0, size < 0 ? PAGE : static_cast<std::uint64_t>(size), a);
}

// Pages of a mapping: a[1] the first, a[2] how many, or all.
std::pair<std::byte *, std::size_t> Machine::part(const Arguments &a) {
    const Mapping *chosen = mapping(a[0]);
    if (!chosen)
        return {nullptr, 0};
    const std::size_t pages = chosen->size / PAGE;
    if (a[2] < 64)
        return {chosen->at, chosen->size};
    const std::size_t first = a[1] % pages;
    return {chosen->at + first * PAGE,
            std::min<std::size_t>(pages - first, a[2] % 16U + 1) * PAGE};
}

Answer Machine::munmap(const Arguments &a) {
    const auto [at, size] = part(a);
    if (!size)
        return {false, 0};
    const Answer got = answer(::munmap(at, size));
    reserve(at, size);
    const Mapping *chosen = mapping(a[0]);
    // What has a hole stays: its calls meet the hole.
    if (size == chosen->size)
        mappings_.erase(mappings_.begin() + (chosen - mappings_.data()));
    return got;
}

Answer Machine::mremap(const Arguments &a) {
    Mapping *chosen = mapping(a[0]);
    const std::size_t free = free_window();
    if (!chosen || free == WINDOWS)
        return {false, 0};
    const std::array<std::size_t, 5> sizes{chosen->size, PAGE, chosen->size / 2,
                                           chosen->size + PAGE, WINDOW};
    const std::size_t size = std::min(sizes[a[1] % sizes.size()], WINDOW);
    // A size of 0 makes a second mapping of the same.
    const std::size_t old = a[2] < 224 ? chosen->size : 0;
    const int flags =
        MREMAP_MAYMOVE | MREMAP_FIXED | (a[3] % 4 == 3 ? MREMAP_DONTUNMAP : 0);
    void *at = ::mremap(chosen->at, old, size, flags, window(free));
    if (at == MAP_FAILED) {
        const int error = errno;
        reserve(window(free), WINDOW);
        return {true, error};
    }
    const Mapping moved{static_cast<std::byte *>(at),
                        (size + PAGE - 1) / PAGE * PAGE, free};
    if (old && !(flags & MREMAP_DONTUNMAP)) {
        reserve(window(chosen->window), WINDOW);
        *chosen = moved;
    } else {
        mappings_.push_back(moved);
    }
    return {true, 0};
}

Answer Machine::mprotect(const Arguments &a) {
    const auto [at, size] = part(a);
    if (!size)
        return {false, 0};
    return answer(::mprotect(at, size, a[3] % 8));
}

Answer Machine::madvise(const Arguments &a) {
    // Not MADV_HWPOISON and MADV_SOFT_OFFLINE, which take memory for good.
    static constexpr std::array ADVICE{MADV_NORMAL,
                                       MADV_RANDOM,
                                       MADV_SEQUENTIAL,
                                       MADV_WILLNEED,
                                       MADV_DONTNEED,
                                       MADV_FREE,
                                       MADV_REMOVE,
                                       MADV_DONTFORK,
                                       MADV_DOFORK,
                                       MADV_MERGEABLE,
                                       MADV_UNMERGEABLE,
                                       MADV_HUGEPAGE,
                                       MADV_NOHUGEPAGE,
                                       MADV_DONTDUMP,
                                       MADV_DODUMP,
                                       MADV_WIPEONFORK,
                                       MADV_KEEPONFORK,
                                       MADV_COLD,
                                       MADV_PAGEOUT,
                                       MADV_POPULATE_READ,
                                       MADV_POPULATE_WRITE,
                                       24 /* MADV_DONTNEED_LOCKED */,
                                       25 /* MADV_COLLAPSE */,
                                       102 /* MADV_GUARD_INSTALL */,
                                       103 /* MADV_GUARD_REMOVE */,
                                       99};
    const auto [at, size] = part(a);
    if (!size)
        return {false, 0};
    return answer(::madvise(at, size, ADVICE[a[3] % ADVICE.size()]));
}

Answer Machine::mlock(const Arguments &a) {
    const auto [at, size] = part(a);
    if (!size)
        return {false, 0};
    switch (a[3] % 4) {
    case 0:
        return answer(::munlock(at, size));
    case 1:
        return answer(::mlock2(at, size, MLOCK_ONFAULT));
    case 2: {
        std::array<unsigned char, WINDOW / PAGE> there{};
        return answer(::mincore(at, size, there.data()));
    }
    default:
        return answer(::mlock(at, size));
    }
}

Answer Machine::touch(const Arguments &a) {
    const auto [at, size] = part(a);
    if (!size)
        return {false, 0};
    return {true, touch_pages(at, size, a[3] % 2)};
}

// The kernel reads or writes for another process, which is this one.
Answer Machine::vm_readv(const Arguments &a) {
    const auto [at, size] = part(a);
    if (!size)
        return {false, 0};
    const iovec theirs{at, std::min(size, SCRATCH)};
    const iovec own{scratch_, SCRATCH};
    return answer(
        a[3] % 2 ? ::process_vm_readv(::getpid(), &own, 1, &theirs, 1, 0)
                 : ::process_vm_writev(::getpid(), &own, 1, &theirs, 1, 0));
}

// References to pages that stay until the pipe is read.
Answer Machine::vmsplice(const Arguments &a) {
    const auto [at, size] = part(a);
    if (!size)
        return {false, 0};
    const iovec from{at, std::min(size, 4 * PAGE)};
    return answer(::vmsplice(pipe_[1].get(), &from, 1, SPLICE_F_NONBLOCK));
}

} // namespace fuzz
