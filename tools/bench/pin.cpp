// SPDX-License-Identifier: MIT
#include "pin.hpp"

#include <benchmark/benchmark.h>
#include <gpumem/gpumem.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

// The pin alone is timed, in batches, as a clock's own time is of its size.
constexpr int BATCH = 64;

void pin(benchmark::State &state, std::uint64_t size, gpumem::PinFor how) {
    try {
        const gpumem::Device device = gpumem::Device::open();
        const gpumem::Bo bo = device.create(size);
        const gpumem::Pin resident = bo.pin(how);
        for (auto _ : state) {
            const auto begun = Clock::now();
            for (int i = 0; i < BATCH; ++i)
                if (gpumem_bo_pin(bo.get(), static_cast<std::uint32_t>(how)))
                    throw std::runtime_error("a pin was refused");
            state.SetIterationTime(
                std::chrono::duration<double>(Clock::now() - begun).count() /
                BATCH);
            for (int i = 0; i < BATCH; ++i)
                gpumem_bo_unpin(bo.get());
        }
    } catch (const std::exception &error) {
        state.SkipWithError(error.what());
    }
}

} // namespace

std::vector<Ratio> add_pin() {
    const auto add = [](const std::string &name, std::uint64_t size,
                        gpumem::PinFor how) {
        benchmark::RegisterBenchmark(
            name.c_str(),
            [size, how](benchmark::State &state) { pin(state, size, how); })
            ->UseManualTime()
            ->Iterations(200);
    };
    add("pin/4KiB", 4U << 10, gpumem::PinFor::now);
    add("pin/256MiB", 256U << 20, gpumem::PinFor::now);
    add("pin_longterm/4KiB", 4U << 10, gpumem::PinFor::long_time);
    add("pin_longterm/256MiB", 256U << 20, gpumem::PinFor::long_time);
    return {{"pin of a resident buffer, 256 MiB against 4 KiB", "pin/256MiB",
             "pin/4KiB"},
            {"long pin of a resident buffer, 256 MiB against 4 KiB",
             "pin_longterm/256MiB", "pin_longterm/4KiB"}};
}

} // namespace bench
