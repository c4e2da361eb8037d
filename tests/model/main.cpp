// SPDX-License-Identifier: MIT
// gpumem-model: random sequences of operations on the driver and on a model of
// it, which must agree. A sequence on which they do not is made short and
// becomes one of those that are replayed.
#include "model/check.hpp"
#include "model/driver.hpp"
#include "model/ground.hpp"
#include "model/keep.hpp"
#include "model/random.hpp"
#include "model/report.hpp"
#include "support/system.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using model::Operation;
using model::Outcome;
using model::Sequence;

// Times as many sequences as those of good seeds.
constexpr std::uint64_t LONG_RUN = 5;

struct Options {
    std::uint64_t seed = 0;
    std::uint64_t sequences = 1000;
    std::size_t length = 60;
    std::uint64_t seconds = 0;
    std::vector<std::string> replay;
    model::Directories save;
    bool trace = false;
};

struct Totals {
    std::uint64_t sequences = 0;
    Outcome all;
};

Outcome run(const Sequence &sequence, bool trace = false) {
    model::Driver driver;
    std::function<void(const Operation &)> before;
    if (trace)
        before = [](const Operation &operation) {
            fmt::print("{}\n", to_text(operation));
            std::fflush(stdout);
        };
    return model::check(sequence, driver, driver.rules(), before);
}

void report(const Sequence &sequence, const Outcome &outcome,
            const Options &options, const std::string &name) {
    // At once, for a kernel that does not survive what follows.
    fmt::print("{}: the driver and the model disagree\n{}", name,
               to_text(*outcome.disagreement));
    std::fflush(stdout);
    const model::Report made = model::report(
        sequence, outcome, [](const Sequence &each) { return run(each); }, name,
        std::numeric_limits<std::size_t>::max());
    fmt::print("{}{}", made.text, keep(made, name, options.save));
}

// What is replayed is saved already.
model::Directories directories(bool replays) {
    model::Directories all;
    if (!replays)
        all = model::regressions(".");
    all.push_back(model::results());
    return all;
}

// Whether they agreed.
bool one(const Sequence &sequence, const Options &options,
         const std::string &name, Totals &totals) {
    const Outcome outcome = run(sequence, options.trace);
    ++totals.sequences;
    totals.all += outcome;
    if (outcome.disagreement)
        report(sequence, outcome, options, name);
    return !outcome.disagreement;
}

// Whatever the seed, all that there is should have been met.
bool is_long(const Options &options, const Totals &totals) {
    return options.replay.empty() &&
           totals.sequences >= LONG_RUN * model::WORTH_THE_WHILE &&
           options.length >= Options{}.length;
}

bool replay(const Options &options, Totals &totals) {
    for (const std::string &path : options.replay) {
        Sequence sequence;
        try {
            sequence = model::parse_sequence(support::read_file(path));
        } catch (const std::invalid_argument &error) {
            throw std::runtime_error(path + ": " + error.what());
        }
        if (!one(sequence, options,
                 std::filesystem::path(path).stem().string() + "-shrunk",
                 totals))
            return false;
    }
    return true;
}

bool at_random(const Options &options, Totals &totals) {
    fmt::print("seed {}\n", options.seed);
    std::fflush(stdout);
    const auto end = clock_type::now() + std::chrono::seconds(options.seconds);
    const auto goes_on = [&](std::uint64_t done) {
        return options.seconds ? clock_type::now() < end
                               : done < options.sequences;
    };
    model::Ground ground;
    for (std::uint64_t i = 0; goes_on(i); ++i) {
        ground.prepare();
        // Each has its own, so that one can be had again without the others.
        std::mt19937_64 random(options.seed + i);
        if (!one(model::random_sequence(random, options.length), options,
                 fmt::format("seed-{}", options.seed + i), totals))
            return false;
    }
    return true;
}

} // namespace

int main(int argc, char **argv) {
    Options options;
    options.seed = std::random_device{}();
    CLI::App app{
        "Run random sequences of operations on the driver and on a model "
        "of it, which must agree. Needs root;\nrun it in the guest.",
        "gpumem-model"};
    app.add_option(
        "--seed", options.seed,
        "Of the first sequence, the next has the next (default: random)");
    app.add_option("--sequences", options.sequences, "How many")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
        ->capture_default_str();
    app.add_option("--length", options.length, "Operations of a sequence")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
        ->capture_default_str();
    app.add_option("--seconds", options.seconds,
                   "Time to run, instead of a number")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1000000}));
    app.add_option("--replay", options.replay, "Run saved sequences instead")
        ->check(CLI::ExistingFile);
    app.add_option("--save", options.save,
                   "Directories for a sequence on which they disagree "
                   "(default: tests/model/regressions if it is there and "
                   "nothing is replayed, and $OUT/model)");
    app.add_flag("--trace", options.trace,
                 "Print each operation before it is done");
    app.footer(
        "Exit status: 0, 1 if they disagree or a long run has met too little, "
        "2 for a wrong command line.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) // --help
            return app.exit(error);
        fmt::print(stderr, "gpumem-model: {} (see --help)\n", error.what());
        return 2;
    }
    if (options.save.empty())
        options.save = directories(!options.replay.empty());
    try {
        Totals totals;
        const bool agreed = options.replay.empty() ? at_random(options, totals)
                                                   : replay(options, totals);
        fmt::print(
            "sequences {}, operations {} ({} refused, {} skipped), pages "
            "compared {}, buffers purged {}, pages compressed {}, pages "
            "moved {}, long pins {} and importers {} of resident pages ({} "
            "refused), {} that others were in the way of, over the limit {}, "
            "opened by name {}, disagreements {}\n",
            totals.sequences, totals.all.operations, totals.all.refused,
            totals.all.skipped, totals.all.pages, totals.all.purges,
            totals.all.cold, totals.all.moved, totals.all.long_pins,
            totals.all.attaches, totals.all.busy, totals.all.in_the_way,
            totals.all.over_limit, totals.all.names, agreed ? 0 : 1);
        const std::string missing =
            what_lacks(totals.all, model::Driver().rules());
        if (!agreed || !is_long(options, totals) || missing.empty())
            return agreed ? 0 : 1;
        fmt::print("the run lacks {}\n", missing);
        return 1;
    } catch (const std::exception &error) {
        fmt::print(stderr, "gpumem-model: {}\n", error.what());
        return 1;
    }
}
