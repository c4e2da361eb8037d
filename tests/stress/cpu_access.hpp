// SPDX-License-Identifier: MIT
// The CPU's access to a dma-buf, as whoever touches its pages beside devices should
// declare it.
#pragma once

#include <linux/dma-buf.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace stress {

class CpuAccess {
public:
    // @for_what: DMA_BUF_SYNC_READ, _WRITE or _RW. Waits for the buffer's fences.
    CpuAccess(int dmabuf, std::uint64_t for_what)
        : dmabuf_(dmabuf), for_what_(for_what),
          began_(sync(DMA_BUF_SYNC_START)) {}
    CpuAccess(const CpuAccess &) = delete;
    CpuAccess &operator=(const CpuAccess &) = delete;
    // Also where a page could not be touched.
    ~CpuAccess() { end(); }

    // Whether it began; errno says why it did not.
    explicit operator bool() const { return began_; }
    // Once; false with errno.
    bool end() { return !std::exchange(began_, false) || sync(DMA_BUF_SYNC_END); }

private:
    [[nodiscard]] bool sync(std::uint64_t which) const {
        dma_buf_sync args{.flags = which | for_what_};
        int got = 0;
        while ((got = ::ioctl(dmabuf_, DMA_BUF_IOCTL_SYNC, &args)) &&
               (errno == EINTR || errno == EAGAIN))
            ;
        return got == 0;
    }

    int dmabuf_;
    std::uint64_t for_what_;
    bool began_;
};

} // namespace stress
