// SPDX-License-Identifier: MIT
#include "support/poisoned_frame.hpp"

#include "support/system.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <linux/kernel-page-flags.h>

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

namespace support {

PoisonedFrame::PoisonedFrame(std::uint64_t frame) : frame_(frame) {
    load_test_module("gpumem_test_unpoison");
    // It is marked whatever the answer is: EBUSY if somebody still has it then.
    const int error =
        write_errno("/sys/devices/system/memory/hard_offline_page",
                    std::to_string(frame * PAGE));
    if ((error && error != EBUSY) || !is_poisoned())
        throw std::runtime_error("a page frame does not become a poisoned one");
}

PoisonedFrame::~PoisonedFrame() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    int error = EBUSY;
    while (error == EBUSY && std::chrono::steady_clock::now() < end) {
        error = write_errno("/sys/kernel/debug/gpumem_test_unpoison",
                            std::to_string(frame_));
        if (error)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(error, 0) << "a poisoned page frame is never given up";
}

bool PoisonedFrame::is_poisoned() const {
    const gpumem::UniqueFd file(::open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
    std::uint64_t flags = 0;
    if (::pread(file.get(), &flags, sizeof(flags),
                static_cast<off_t>(frame_ * sizeof(flags))) != sizeof(flags))
        throw std::runtime_error("cannot read /proc/kpageflags");
    return flags >> KPF_HWPOISON & 1;
}

} // namespace support
