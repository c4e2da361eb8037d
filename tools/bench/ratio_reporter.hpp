// SPDX-License-Identifier: MIT
// What a run of benchmarks says: Google Benchmark's table, then the medians that
// belong together as ratios. Times on a shared machine are noise; the ratio of
// interleaved repetitions in one run is what may be compared.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace bench {

struct Ratio {
    std::string what;        // said of the numbers
    std::string numerator;   // names of benchmarks
    std::string denominator;
};

class RatioReporter : public benchmark::ConsoleReporter {
public:
    explicit RatioReporter(std::vector<Ratio> ratios);

    void ReportRuns(const std::vector<Run> &runs) override;
    void Finalize() override;

    // Whether a benchmark ended with an error.
    [[nodiscard]] bool failed() const { return failed_; }

private:
    std::vector<Ratio> ratios_;
    std::map<std::string, double> medians_; // ns, by name
    bool failed_ = false;
};

} // namespace bench
