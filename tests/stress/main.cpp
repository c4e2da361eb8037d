// SPDX-License-Identifier: MIT
// gpumem-stress: threads and processes that do everything one can do with buffers,
// at random, while memory moves.
#include "stress/movers.hpp"
#include "stress/processes.hpp"
#include "stress/report.hpp"
#include "stress/totals.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>

#include <CLI/CLI.hpp>
#include <exception>
#include <fmt/format.h>
#include <new>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>

namespace {

using stress::Totals;

// Seconds in which each operation succeeds at least once, however slow the guest.
constexpr unsigned WORTH_JUDGING = 60;

Totals &shared_totals() {
    void *at = ::mmap(nullptr, sizeof(Totals), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        throw std::bad_alloc();
    return *new (at) Totals;
}

template <std::size_t N>
void print(const std::array<std::string_view, N> &names,
           const std::array<std::atomic<std::uint64_t>, N> &done,
           const std::array<std::atomic<std::uint64_t>, N> &refused) {
    for (std::size_t i = 0; i < N; ++i)
        fmt::print("{:15} {:9} done {:7} refused\n", names[i], done[i].load(),
                   refused[i].load());
}

template <std::size_t N>
std::uint64_t sum(const std::array<std::atomic<std::uint64_t>, N> &numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

void write_summary(const std::string &path, const stress::RunOptions &options,
                   const Totals &totals, std::uint64_t moved) {
    const nlohmann::json json = {{"seed", options.seed},
                                 {"operations", sum(totals.done)},
                                 {"pages_written", totals.pages_written.load()},
                                 {"pages_verified", totals.pages_verified.load()},
                                 {"pages_moved", moved},
                                 {"failures", totals.failures.load()}};
    support::write_file(path, json.dump() + "\n");
}

// A run that did nothing has shown nothing.
void expect_something(const stress::Report &report, const Totals &totals,
                      std::uint64_t moved, bool has_pages) {
    using stress::Op;
    if (!moved)
        report.failed("no page was moved");
    for (std::size_t i = 0; i < stress::OP_NAMES.size(); ++i) {
        const auto op = static_cast<Op>(i);
        const bool by_pages = op == Op::vm_readv || op == Op::vmsplice ||
                              op == Op::direct_io;
        if (!totals.done[i] && (has_pages || !by_pages))
            report.failed(fmt::format("not one '{}' was done", stress::OP_NAMES[i]));
    }
}

int stress_all(const stress::RunOptions &options, const std::string &summary) {
    if (support::shell("modprobe brd rd_nr=1 rd_size=4096"))
        throw std::runtime_error("cannot load brd, the disk for O_DIRECT");
    support::load_test_module("gpumem_test_importer");
    support::load_test_module("gpumem_test_contig");
    // The OOM killer is to take others.
    support::write_file("/proc/self/oom_score_adj", "-1000");

    Totals &totals = shared_totals();
    const stress::Report report(totals, options.seed);
    const stress::Trace trace;
    fmt::print("seed {}\n", options.seed);
    gpumem::Device device = gpumem::Device::open();
    const auto before = device.stats();
    // The movers are a process too: forking beside threads is no good.
    const pid_t movers = stress::in_process(
        [&] { stress::move_memory(options.seed, report, totals); }, report);
    const stress::Ends ends =
        stress::run_processes(options, device, report, totals);
    int status = 0;
    if (movers < 0 || ::waitpid(movers, &status, 0) < 0 || status)
        report.failed("the process that moves memory failed");
    if (options.alone)
        stress::expect_objects(device, before.objects, report);

    const std::uint64_t moved = device.stats().moved - before.moved;
    if (options.seconds >= WORTH_JUDGING)
        expect_something(report, totals, moved,
                         before.backing != GPUMEM_BACKING_KIND_MOPS);
    if (!summary.empty())
        write_summary(summary, options, totals, moved);
    print(stress::OP_NAMES, totals.done, totals.refused);
    print(stress::MOVE_NAMES, totals.moves_done, totals.moves_refused);
    fmt::print("operations {}, pages written {}, verified {} ({} MiB), buffers "
               "purged {}, processes {} ended, {} killed, {} by the OOM killer, {} "
               "by SIGBUS without memory, {} when the device went, memory moved {} times, pages moved "
               "{}, failures {}\n",
               sum(totals.done), totals.pages_written.load(),
               totals.pages_verified.load(), totals.pages_verified.load() / 256,
               totals.purged.load(), ends.by_themselves, ends.killed,
               ends.oom_killed, ends.out_of_memory, ends.by_unplug, sum(totals.moves_done),
               moved, totals.failures.load());
    return totals.failures ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
    stress::RunOptions options;
    std::string summary;
    options.seed = std::random_device{}();
    options.worker.operations = 20000;
    CLI::App app{"Do everything one can do with buffers, at random, while memory "
                 "moves. Needs root; run it in the guest.",
                 "gpumem-stress"};
    app.add_option("--seed", options.seed, "Of all random choices (default: random)");
    app.add_option("--seconds", options.seconds, "Time to run")
        ->check(CLI::Range(1U, 1000000U))
        ->capture_default_str();
    app.add_option("--unplug", options.unplug,
                   "Seconds between unplugging the device and plugging it in "
                   "again; 0: never")
        ->check(CLI::Range(0U, 1000000U))
        ->capture_default_str();
    app.add_option("--progress", options.progress,
                   "Seconds between lines 'progress MOVED VERIFIED FAILURES', in "
                   "pages; 0: none")
        ->check(CLI::Range(0U, 1000000U))
        ->capture_default_str();
    app.add_option("--summary", summary, "Write the numbers to a file, as JSON");
    app.add_flag("!--not-alone", options.alone,
                 "Others use the device, so do not count what is left at the end");
    app.add_option("--processes", options.processes, "Processes at a time")
        ->check(CLI::Range(1U, 64U))
        ->capture_default_str();
    app.add_option("--threads", options.worker.threads, "Threads of a process")
        ->check(CLI::Range(1U, 64U))
        ->capture_default_str();
    app.add_option("--buffers", options.worker.slots, "Buffers of a process")
        ->check(CLI::Range(1U, 4096U))
        ->capture_default_str();
    app.add_option("--pages", options.worker.max_pages,
                   "Pages of the largest buffer")
        ->check(CLI::Range(1U, 65536U))
        ->capture_default_str();
    app.add_option("--operations", options.worker.operations,
                   "Operations of a process before another takes its place")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
        ->capture_default_str();
    app.footer("Exit status: 0, 1 if something was wrong, 2 for a wrong command "
               "line. The same seed makes the same\nchoices, but not the same "
               "interleaving.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) // --help
            return app.exit(error);
        fmt::print(stderr, "gpumem-stress: {} (see --help)\n", error.what());
        return 2;
    }
    try {
        return stress_all(options, summary);
    } catch (const std::exception &error) {
        fmt::print(stderr, "gpumem-stress: {}\n", error.what());
        return 1;
    }
}
