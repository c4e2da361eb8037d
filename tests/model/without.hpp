// SPDX-License-Identifier: MIT
// A thread that may do less than root, for as long as one of these lives.
#pragma once

#include <array>
#include <linux/capability.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace model {

class Without {
public:
    explicit Without(unsigned capability) {
        if (::syscall(SYS_capget, &header_, before_.data()))
            throw std::runtime_error("capget");
        auto without = before_;
        without.at(CAP_TO_INDEX(capability)).effective &=
            ~CAP_TO_MASK(capability);
        if (::syscall(SYS_capset, &header_, without.data()))
            throw std::runtime_error("capset");
    }
    Without(const Without &) = delete;
    Without &operator=(const Without &) = delete;
    ~Without() { ::syscall(SYS_capset, &header_, before_.data()); }

private:
    __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> before_{};
};

// May have so many bytes of memory in place.
class LowLimit {
public:
    explicit LowLimit(rlim_t bytes) {
        if (::getrlimit(RLIMIT_MEMLOCK, &before_))
            throw std::runtime_error("getrlimit");
        const rlimit low{bytes, before_.rlim_max};
        if (::setrlimit(RLIMIT_MEMLOCK, &low))
            throw std::runtime_error("setrlimit");
    }
    LowLimit(const LowLimit &) = delete;
    LowLimit &operator=(const LowLimit &) = delete;
    ~LowLimit() { ::setrlimit(RLIMIT_MEMLOCK, &before_); }

private:
    Without without_{CAP_IPC_LOCK};
    rlimit before_{};
};

} // namespace model
