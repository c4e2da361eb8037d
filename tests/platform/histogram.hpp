// SPDX-License-Identifier: MIT
// Times in buckets that grow by a quarter of a power of two. Lies in shared
// memory: processes add, one reads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace platform {

class Histogram {
public:
    static constexpr std::size_t BUCKETS = 256;

    // What was added up to some moment. Differences are histograms too.
    struct Counts {
        std::array<std::uint64_t, BUCKETS> in{};

        Counts operator-(const Counts &earlier) const;
        [[nodiscard]] std::uint64_t all() const;
        // Nanoseconds, the upper edge of the bucket; 0 if nothing was added.
        [[nodiscard]] double percentile(double percent) const;
    };

    void add(std::chrono::nanoseconds time);
    // Nanoseconds of the longest since it was asked the last time.
    std::uint64_t take_longest();
    [[nodiscard]] Counts counts() const;

private:
    std::array<std::atomic<std::uint64_t>, BUCKETS> in_{};
    std::atomic<std::uint64_t> longest_{0};
};

} // namespace platform
