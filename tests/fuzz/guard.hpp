// SPDX-License-Identifier: MIT
// A process beside the one that makes the calls: the kernel may end that one, or let
// it never return, or the guest may die, and then the input should be known.
#pragma once

#include "fuzz/program.hpp"

#include <gpumem/gpumem.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace fuzz {

// The input that was begun last: in a file, and its size and number in memory that both
// processes see. One write for each is a seventh of the time; a second one, to cut the
// file, would be another. So a dead guest's has zeros, which open files, behind an input
// that is shorter than one before.
class Running {
public:
    // The file is written past the guest's caches if it is the host's.
    explicit Running(std::string path);
    Running(const Running &) = delete;
    Running &operator=(const Running &) = delete;
    ~Running();

    void begin(std::span<const std::uint8_t> bytes);
    [[nodiscard]] std::uint64_t begun() const { return shared_->begun; }
    // Cuts the file and says where it is.
    void tell() const;
    // None is running.
    void remove() const;

private:
    std::string path_;
    gpumem::UniqueFd file_;
    std::array<std::uint8_t, MAX_BYTES> bytes_{};
    std::size_t longest_ = 0;
    struct Shared {
        std::atomic<std::uint64_t> begun = 0;
        std::atomic<std::size_t> size = 0;
    };
    Shared *shared_ = nullptr;
};

// Runs @body, which returns an exit status, in a child. Tells where the input is if a
// signal ends the child, or if it is at one input for very long. Returns the child's
// status, 1 for a signal.
int guarded(const Running &running, const std::function<int()> &body);

} // namespace fuzz
