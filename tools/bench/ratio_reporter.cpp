// SPDX-License-Identifier: MIT
#include "ratio_reporter.hpp"

#include <ostream>
#include <utility>

namespace bench {

namespace {

// The field has another name from Google Benchmark 1.8 on.
template <typename Run> bool has_failed(const Run &run) {
    if constexpr (requires { run.skipped; })
        return run.skipped != decltype(run.skipped){};
    else
        return run.error_occurred;
}

} // namespace

RatioReporter::RatioReporter(std::vector<Ratio> ratios)
    : ConsoleReporter(OO_Tabular), ratios_(std::move(ratios)) {}

void RatioReporter::ReportRuns(const std::vector<Run> &runs) {
    ConsoleReporter::ReportRuns(runs);
    for (const Run &run : runs) {
        failed_ = failed_ || has_failed(run);
        if (run.run_type == Run::RT_Aggregate && run.aggregate_name == "median")
            medians_[run.run_name.function_name] = run.GetAdjustedRealTime();
    }
}

void RatioReporter::Finalize() {
    ConsoleReporter::Finalize();
    for (const Ratio &ratio : ratios_) {
        const auto above = medians_.find(ratio.numerator);
        const auto below = medians_.find(ratio.denominator);
        if (above == medians_.end() || below == medians_.end())
            continue;
        GetOutputStream() << ratio.what << ": " << above->second << " ns / "
                          << below->second << " ns = "
                          << above->second / below->second << '\n';
    }
}

} // namespace bench
