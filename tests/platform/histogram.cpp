// SPDX-License-Identifier: MIT
#include "platform/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace platform {
namespace {

constexpr double PARTS = 4; // of a power of two

std::size_t bucket(std::chrono::nanoseconds time) {
    const double ns = std::max<double>(1, static_cast<double>(time.count()));
    return std::min(Histogram::BUCKETS - 1,
                    static_cast<std::size_t>(std::log2(ns) * PARTS));
}

} // namespace

void Histogram::add(std::chrono::nanoseconds time) {
    in_[bucket(time)].fetch_add(1, std::memory_order_relaxed);
    const auto ns = static_cast<std::uint64_t>(time.count());
    auto longest = longest_.load(std::memory_order_relaxed);
    while (ns > longest && !longest_.compare_exchange_weak(longest, ns))
        ;
}

std::uint64_t Histogram::take_longest() {
    return longest_.exchange(0);
}

Histogram::Counts Histogram::counts() const {
    Counts result;
    for (std::size_t i = 0; i < BUCKETS; ++i)
        result.in[i] = in_[i].load(std::memory_order_relaxed);
    return result;
}

Histogram::Counts Histogram::Counts::operator-(const Counts &earlier) const {
    Counts result;
    std::ranges::transform(in, earlier.in, result.in.begin(), std::minus<>());
    return result;
}

std::uint64_t Histogram::Counts::all() const {
    return std::accumulate(in.begin(), in.end(), std::uint64_t{0});
}

double Histogram::Counts::percentile(double percent) const {
    const double wanted = static_cast<double>(all()) * percent / 100;
    double seen = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < BUCKETS; ++i) {
        if (!in[i])
            continue;
        seen += static_cast<double>(in[i]);
        last = i + 1;
        if (seen >= wanted)
            break;
    }
    return last ? std::exp2(static_cast<double>(last) / PARTS) : 0;
}

} // namespace platform
