// SPDX-License-Identifier: MIT
// A page frame that the kernel has given up on, as after an uncorrectable error of
// the memory. Nothing is wrong with it in truth.
#pragma once

#include <cstdint>

namespace support {

class PoisonedFrame {
public:
    // Throws if the kernel does not mark it.
    explicit PoisonedFrame(std::uint64_t frame);
    PoisonedFrame(const PoisonedFrame &) = delete;
    PoisonedFrame &operator=(const PoisonedFrame &) = delete;
    // Waits until nobody has it any more, and gives it back.
    ~PoisonedFrame();

    [[nodiscard]] bool is_poisoned() const;

private:
    std::uint64_t frame_;
};

} // namespace support
