// SPDX-License-Identifier: MIT
// What this thread's calls ran of the driver, from a kernel that has KCOV.
#pragma once

#include <gpumem/gpumem.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fuzz {

class Kcov {
public:
    // Without KCOV it stays off.
    Kcov();
    Kcov(const Kcov &) = delete;
    Kcov &operator=(const Kcov &) = delete;
    ~Kcov();

    explicit operator bool() const { return buffer_; }

    // Forgets what was seen before.
    void restart();

    // Calls @place with each code address of gpumem's modules since.
    template <typename Place> void each(Place place) const {
        const std::size_t count = seen();
        for (std::size_t i = 1; i <= count; ++i)
            if (is_ours(buffer_[i]))
                place(buffer_[i]);
    }

private:
    struct Range {
        std::uint64_t begin, end;
    };
    static std::vector<Range> module_code();
    [[nodiscard]] std::size_t seen() const;
    [[nodiscard]] bool is_ours(std::uint64_t address) const {
        for (const Range &range : ours_)
            if (address - range.begin < range.end - range.begin)
                return true;
        return false;
    }

    gpumem::UniqueFd fd_;
    std::uint64_t *buffer_ = nullptr;
    std::vector<Range> ours_;
};

} // namespace fuzz
