// SPDX-License-Identifier: MIT
#include "fuzz/touch.hpp"

#include "support/signal_guard.hpp"
#include "support/system.hpp"

#include <cerrno>
#include <cstdint>

namespace fuzz {

void catch_faults() {
    static const support::SignalGuard guard;
}

int touch_pages(std::byte *at, std::size_t size, bool write) {
    const int signal = support::SignalGuard::run([=] {
        for (std::size_t i = 0; i < size; i += support::PAGE) {
            auto *word = reinterpret_cast<volatile std::uint64_t *>(at + i);
            const std::uint64_t value = *word;
            if (write)
                *word = value + 1;
        }
    });
    return signal ? EFAULT : 0;
}

} // namespace fuzz
