// SPDX-License-Identifier: MIT
// Files: the devices', dma-bufs and what they answer, and the system's that
// show or move buffers.
#include "fuzz/machine.hpp"
#include "fuzz/room.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace fuzz {

Answer Machine::open(const Arguments &a) {
    const std::string &node = nodes_[a[0] % nodes_.size()];
    if (node.empty() || files_.size() == MAX_FILES)
        return {false, 0};
    File made;
    made.kind = static_cast<Kind>(a[0] % nodes_.size());
    made.fd.reset(::open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    const Answer got = answer(made.fd.get());
    if (!got.error)
        files_.push_back(std::move(made));
    return got;
}

Answer Machine::close_file(const Arguments &a) {
    const File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    files_.erase(files_.begin() + (chosen - files_.data()));
    return {};
}

// The file lives on with the duplicate.
Answer Machine::dup_file(const Arguments &a) {
    const File *chosen = file(a[0]);
    if (!chosen)
        return {false, 0};
    const int fd = ::fcntl(chosen->fd.get(), F_DUPFD_CLOEXEC, 0);
    const Answer got = answer(fd);
    keep(others_, fd);
    return got;
}

Answer Machine::dmabuf_sync(const Arguments &a) {
    // It waits for them.
    signal_fences();
    dma_buf_sync args{};
    args.flags =
        a[2] < 192 ? a[2] % 8U : std::uint64_t{bit_of(a[2])} << (a[3] % 33);
    return answer(::ioctl(dmabuf(a[1]), DMA_BUF_IOCTL_SYNC, &args));
}

Answer Machine::dmabuf_name(const Arguments &a) {
    std::byte *at = pointer(a[2], 64);
    if (at == scratch_) {
        std::memset(at, 'n', 64);
        at[a[3] % 64] = std::byte{}; // 32 are too many
    }
    return answer(::ioctl(
        dmabuf(a[1]), a[4] % 2 ? DMA_BUF_SET_NAME_A : DMA_BUF_SET_NAME_B, at));
}

Answer Machine::dmabuf_export_sync(const Arguments &a) {
    dma_buf_export_sync_file args{};
    args.flags = a[2] < 192 ? a[2] % 4U : bit_of(a[2]);
    args.fd = -1;
    const Answer got =
        answer(::ioctl(dmabuf(a[1]), DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args));
    if (!got.error)
        keep(others_, args.fd);
    return got;
}

Answer Machine::dmabuf_import_sync(const Arguments &a) {
    dma_buf_import_sync_file args{};
    args.flags = a[2] < 192 ? a[2] % 4U : bit_of(a[2]);
    args.fd = others_.empty() ? -1 : others_[a[3] % others_.size()].get();
    return answer(::ioctl(dmabuf(a[1]), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &args));
}

Answer Machine::dmabuf_foreign(const Arguments &) {
    if (!foreign_)
        return {false, 0};
    const int fd = ::fcntl(foreign_.get(), F_DUPFD_CLOEXEC, 0);
    const Answer got = answer(fd);
    keep(dmabufs_, fd);
    return got;
}

Answer Machine::dmabuf_close(const Arguments &a) {
    if (dmabufs_.empty())
        return {false, 0};
    dmabufs_.erase(dmabufs_.begin() +
                   static_cast<std::ptrdiff_t>(a[1] % dmabufs_.size()));
    return {};
}

Answer Machine::dmabuf_dup(const Arguments &a) {
    const int fd = ::fcntl(dmabuf(a[1]), F_DUPFD_CLOEXEC, 0);
    const Answer got = answer(fd);
    keep(dmabufs_, fd);
    return got;
}

Answer Machine::lseek(const Arguments &a) {
    return answer(
        ::lseek(fd_of(a[0]), static_cast<off_t>(size_of(a[1])), a[2] % 6));
}

Answer Machine::poll(const Arguments &a) {
    pollfd state{fd_of(a[0]), static_cast<short>(a[1]), 0};
    return answer(::poll(&state, 1, 0));
}

Answer Machine::read(const Arguments &a) {
    const std::size_t bytes = std::min<std::uint64_t>(size_of(a[1]), 16384);
    return answer(::read(fd_of(a[0]), pointer(a[2], bytes), bytes));
}

// What the kernel shows of buffers, and of the process that maps them.
Answer Machine::read_state(const Arguments &a) {
    std::string path;
    switch (a[0] % 16) {
    case 0:
        path = "/sys/kernel/debug/gpumem/objects";
        break;
    case 1:
        path = "/sys/kernel/debug/gpumem/pages";
        break;
    case 2:
        path = "/sys/kernel/debug/dma_buf/bufinfo";
        break;
    case 3:
        path = "/proc/self/smaps";
        break;
    case 14:
        path = "/sys/kernel/debug/gpumem/store";
        break;
    case 15:
        path = "/sys/kernel/debug/gpumem/compact";
        break;
    default:
        path = "/proc/self/fdinfo/" + std::to_string(fd_of(a[1]));
    }
    const gpumem::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd)
        return answer(-1);
    long got = 0;
    while ((got = ::read(fd.get(), scratch_, SCRATCH)) > 0)
        ;
    return answer(got);
}

// With or without CAP_IPC_LOCK: pins count against RLIMIT_MEMLOCK without it.
Answer Machine::limit(const Arguments &a) {
    const bool wanted = a[0] % 2;
    if (wanted == limited_)
        return {false, 0};
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (::syscall(SYS_capget, &header, sets.data()))
        return answer(-1);
    constexpr std::uint32_t LOCK = 1U << CAP_IPC_LOCK;
    sets[0].effective =
        wanted ? sets[0].effective & ~LOCK : sets[0].effective | LOCK;
    const Answer got = answer(::syscall(SYS_capset, &header, sets.data()));
    if (!got.error)
        limited_ = wanted;
    return got;
}

Answer Machine::compact(const Arguments &) {
    return slowly(compacting_, "/proc/sys/vm/compact_memory", "1");
}

// Buffers that nobody needs lose their pages.
Answer Machine::shrink(const Arguments &) {
    return slowly(shrinking_, "/proc/sys/vm/drop_caches", "2");
}

} // namespace fuzz
