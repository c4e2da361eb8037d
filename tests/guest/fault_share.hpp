// SPDX-License-Identifier: MIT
// Calls on a buffer that is shared as a dma-buf.
#pragma once

#include "fault_trial.hpp"

#include <xf86drm.h>

constexpr std::size_t SHARED_PAGES = 16;

class FaultShare : public Fault {
protected:
    void make_dmabuf(Contents contents = Contents::missing) {
        make_buffer(SHARED_PAGES, contents);
        dmabuf = bo.export_dmabuf();
    }
    void drop_dmabuf() {
        dmabuf = {};
        drop_buffer();
    }

    static int import(int drm, int fd, std::uint32_t &handle) {
        drm_prime_handle args{};
        args.fd = fd;
        const int error = ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
        if (!error)
            handle = args.handle;
        return error;
    }
    gpumem::DmaBuf dmabuf;
};
