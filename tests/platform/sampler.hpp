// SPDX-License-Identifier: MIT
// Every few seconds a line of JSON: what memory can give on demand, and what it
// costs. The numbers are as the kernel has them; tools/platform makes sense of
// them.
#pragma once

#include "platform/options.hpp"
#include "platform/shared.hpp"

#include <gpumem/gpumem.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace platform {

class Sampler {
public:
    Sampler(const Options &options, Shared &shared);

    // Samples until the time is over or @well no longer true, which is asked
    // each time. Tells the others when memory is full.
    void run(const std::function<bool()> &well);

    // What is true of the whole.
    [[nodiscard]] nlohmann::json end();

private:
    struct Latency {
        const char *name;
        Histogram &times;
        Histogram::Counts before{}; // at the last sample
        Histogram::Counts warm{};   // when numbers began to count
        std::uint64_t longest = 0;  // since then
    };

    [[nodiscard]] nlohmann::json sample();
    nlohmann::json latencies();
    void look_whether_full(std::uint64_t free, double seconds);

    const Options &options_;
    Shared &shared_;
    gpumem::Device device_;
    std::size_t samples_ = 0;
    bool warm_ = false;
    double started_at_ = 0; // seconds at which the buffers began
    std::array<Latency, 3> latencies_;
};

} // namespace platform
