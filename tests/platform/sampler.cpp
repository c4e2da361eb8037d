// SPDX-License-Identifier: MIT
#include "platform/sampler.hpp"

#include "platform/kernel_numbers.hpp"
#include "platform/process.hpp"
#include "support/system.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>
#include <thread>
#include <utility>

namespace platform {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto PROBE = "/sys/kernel/debug/gpumem_test_probe";

constexpr std::array<unsigned, 5> ORDERS = {2, 3, 4, 6, 9};
// Of each order so much of memory is asked for together: 8 MiB of 512.
constexpr std::uint64_t ASKED_PART = 64;

// Part of memory below which nobody leaves it, and the longest wait for it.
constexpr double FULL = 0.07;
constexpr double FULL_SECONDS = 60;
// So long after that the numbers count, when the first scene is loaded and some
// of it gone: a tenth of the run, within bounds.
constexpr double WARM_SECONDS = 20, WARM_SECONDS_AT_MOST = 60;

// The first order finds what nobody has compacted for yet, and the last what
// the others left: each is in each place as often, by the number of the sample.
json probe(std::uint64_t memory, std::size_t sample) {
    json result = json::object();
    json before = moving();
    for (std::size_t place = 0; place < ORDERS.size(); ++place) {
        const unsigned order = ORDERS[(sample + place) % ORDERS.size()];
        const auto count = memory / ASKED_PART / (support::PAGE << order);
        support::write_file(PROBE, std::to_string(order) + " " +
                                       std::to_string(count));
        std::istringstream words(support::read_file(PROBE));
        unsigned said = 0, tried = 0, succeeded = 0;
        std::uint64_t ns = 0, longest = 0;
        words >> said >> tried >> succeeded >> ns >> longest;
        json after = moving();
        result[std::to_string(order)] = {
            {"place", place},
            {"tried", tried},
            {"succeeded", succeeded},
            {"ns", ns},
            {"max_ns", longest},
            {"meanwhile", moved_between(before, after)}};
        before = std::move(after);
    }
    return result;
}

json said(const Histogram::Counts &counts, std::uint64_t longest) {
    // Those are edges of buckets, and may lie above it.
    const auto percentile = [&](double percent) {
        return std::min(counts.percentile(percent),
                        static_cast<double>(longest));
    };
    return {{"count", counts.all()},
            {"p50_ns", percentile(50)},
            {"p99_ns", percentile(99)},
            {"max_ns", longest}};
}

void print(const json &line) {
    const std::string text = line.dump() + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

} // namespace

Sampler::Sampler(const Options &options, Shared &shared)
    : options_(options), shared_(shared), device_(gpumem::Device::open()),
      latencies_{{{"first_touch", shared.first_touch},
                  {"touch", shared.touch},
                  {"cold_touch", shared.cold_touch}}} {}

void Sampler::run(const std::function<bool()> &well) {
    const auto begun = Clock::now();
    auto next = begun;
    while (next - begun < options_.duration && well()) {
        std::this_thread::sleep_until(next);
        const double seconds =
            std::chrono::duration<double>(Clock::now() - begun).count();
        json line = sample();
        line["t"] = seconds;
        line["warm"] = warm_;
        print(line);
        look_whether_full(line["memory"]["free"], seconds);
        // Samples that were missed are not made up for: one after the other
        // they would ask for memory more often than they say.
        do
            next += options_.interval;
        while (next <= Clock::now());
    }
}

void Sampler::look_whether_full(std::uint64_t free, double seconds) {
    const double part =
        static_cast<double>(free) / static_cast<double>(options_.memory);
    if (!shared_.full && (part < FULL || seconds > FULL_SECONDS)) {
        shared_.full = true;
        started_at_ = seconds;
    }
    const double warms = std::clamp(
        std::chrono::duration<double>(options_.duration).count() / 10,
        WARM_SECONDS, WARM_SECONDS_AT_MOST);
    if (!warm_ && shared_.scenes > 1 && seconds >= started_at_ + warms) {
        warm_ = true;
        for (Latency &latency : latencies_) {
            latency.warm = latency.times.counts();
            latency.times.take_longest();
        }
    }
}

json Sampler::latencies() {
    json result = json::object();
    for (Latency &latency : latencies_) {
        const auto counts = latency.times.counts();
        const auto longest = latency.times.take_longest();
        result[latency.name] = said(counts - latency.before, longest);
        latency.before = counts;
        latency.longest = std::max(latency.longest, warm_ ? longest : 0);
    }
    return result;
}

json Sampler::sample() {
    // The kernel's numbers before the probes, which change them.
    json line = {{"type", "sample"},
                 {"memory", meminfo()},
                 {"buddyinfo", buddyinfo()},
                 {"unusable_index", unusable_index()},
                 {"vmstat", vmstat()},
                 {"threads", kernel_threads()},
                 {"compaction", compaction()},
                 {"store", store()},
                 {"zram", zram()}};
    const auto stats = device_.stats();
    line["machine"] = options_.memory;
    line["gpu"] = {{"buffers", shared_.buffers.load()},
                   {"bytes", shared_.buffer_bytes.load()},
                   {"cold_bytes", shared_.cold_bytes.load()},
                   {"resident_pages", stats.resident_pages},
                   {"moved", stats.moved},
                   {"refused_busy", stats.refused_busy},
                   {"pages_filled", shared_.pages_filled.load()},
                   {"pages_refused", shared_.pages_refused.load()}};
    line["latency"] = latencies();
    line["probe"] = probe(options_.memory, samples_++);
    return line;
}

json Sampler::end() {
    json latency = json::object();
    latencies(); // for the longest since the last sample
    for (const Latency &l : latencies_)
        latency[l.name] = said(l.before - l.warm, l.longest);
    return {{"type", "end"},
            {"warm", warm_},
            {"buffers_made", shared_.buffers_made.load()},
            {"pages_filled", shared_.pages_filled.load()},
            {"pages_verified", shared_.pages_verified.load()},
            {"pages_wrong", shared_.pages_wrong.load()},
            {"pages_refused", shared_.pages_refused.load()},
            {"buffers_refused", shared_.buffers_refused.load()},
            {"forks", shared_.forks.load()},
            {"forks_failed", shared_.forks_failed.load()},
            {"apps_ended", shared_.apps_ended.load()},
            {"compiled", shared_.compiled.load()},
            {"compile_failed", shared_.compile_failed.load()},
            {"killed", shared_.killed.load()},
            {"bytes_read", shared_.bytes_read.load()},
            {"latency", latency}};
}

} // namespace platform
