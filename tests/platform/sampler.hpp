// SPDX-License-Identifier: MIT
// Every few seconds a line of JSON: what memory can give on demand, and what it
// costs. The numbers are as the kernel has them; tools/platform makes sense of
// them.
#pragma once

#include "platform/options.hpp"
#include "platform/shared.hpp"

#include <gpumem/gpumem.hpp>

#include <nlohmann/json.hpp>

namespace platform {

class Sampler {
public:
    Sampler(const Options &options, Shared &shared);

    // Samples until the time is over. Tells the others when memory is full.
    void run();

    // What is true of the whole.
    [[nodiscard]] nlohmann::json end() const;

private:
    [[nodiscard]] nlohmann::json sample();
    [[nodiscard]] nlohmann::json latencies();
    void look_whether_full(std::uint64_t free, double seconds);

    const Options &options_;
    Shared &shared_;
    gpumem::Device device_;
    bool warm_ = false;
    double started_at_ = 0; // seconds at which the buffers began
    Histogram::Counts first_touch_, touch_, cold_touch_;
    Histogram::Counts warm_first_touch_, warm_touch_, warm_cold_touch_;
};

} // namespace platform
