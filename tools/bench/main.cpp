// SPDX-License-Identifier: MIT
// gpumem-bench: all measurements in one run, interleaved at random.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>
#include <vector>

#include "pin.hpp"
#include "ratio_reporter.hpp"

int main(int argc, char **argv) {
    for (int i = 1; i < argc; ++i)
        if (std::string(argv[i]) == "--help") {
            std::puts(
                "Usage: gpumem-bench [--benchmark_filter=REGEX] "
                "[--benchmark_*...]\n"
                "Measure gpumem, and print medians of interleaved repetitions "
                "and their ratios.\nNeeds the driver: tools/vm -- "
                "gpumem-bench\n"
                "Exit status: 0, 1 if a measurement failed, 2 for a wrong "
                "command line.");
            return 0;
        }
    std::string repetitions = "--benchmark_repetitions=15";
    std::string interleaved = "--benchmark_enable_random_interleaving=true";
    std::string aggregates = "--benchmark_display_aggregates_only=true";
    // What the caller says comes later and counts.
    std::vector<char *> args{argv[0], repetitions.data(), interleaved.data(),
                             aggregates.data()};
    args.insert(args.end(), argv + 1, argv + argc);
    int count = static_cast<int>(args.size());
    benchmark::Initialize(&count, args.data());
    if (count > 1) {
        std::fprintf(stderr, "gpumem-bench: '%s' is no option (see --help)\n",
                     args[1]);
        return 2;
    }
    bench::RatioReporter reporter(bench::add_pin());
    const std::size_t ran = benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
    return ran == 0 || reporter.failed() ? 1 : 0;
}
