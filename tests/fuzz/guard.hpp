// SPDX-License-Identifier: MIT
// A process beside the one that makes the calls: the kernel may end that one,
// or let it never return, and then the input should be known.
#pragma once

#include "fuzz/program.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace fuzz {

// The input that was begun last, in memory that both processes see.
class Running {
public:
    static Running &shared();
    void begin(std::span<const std::uint8_t> bytes);
    [[nodiscard]] std::uint64_t begun() const { return begun_; }
    void save(const std::string &path) const;

private:
    std::atomic<std::uint64_t> begun_ = 0;
    std::atomic<std::size_t> size_ = 0;
    std::array<std::uint8_t, MAX_BYTES> bytes_{};
};

// Runs @body, which returns an exit status, in a child. Saves the input at
// @path if a signal ends the child, or if it is at one input for very long.
// Returns the child's status, 1 for a signal.
int guarded(const Running &running, const std::string &path,
            const std::function<int()> &body);

} // namespace fuzz
