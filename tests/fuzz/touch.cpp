// SPDX-License-Identifier: MIT
#include "fuzz/touch.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace fuzz {
namespace {

sigjmp_buf back;
volatile std::sig_atomic_t touching = 0;

void faulted(int) {
    if (!touching)
        std::abort();
    siglongjmp(back, 1);
}

} // namespace

void catch_faults() {
    struct sigaction action{};
    action.sa_handler = faulted;
    if (::sigaction(SIGBUS, &action, nullptr) ||
        ::sigaction(SIGSEGV, &action, nullptr))
        throw std::runtime_error("faults cannot be caught");
}

int touch_pages(std::byte *at, std::size_t size, bool write) {
    if (sigsetjmp(back, 1)) {
        touching = 0;
        return EFAULT;
    }
    touching = 1;
    for (std::size_t i = 0; i < size; i += support::PAGE) {
        auto *word = reinterpret_cast<volatile std::uint64_t *>(at + i);
        const std::uint64_t value = *word;
        if (write)
            *word = value + 1;
    }
    touching = 0;
    return 0;
}

} // namespace fuzz
