// SPDX-License-Identifier: MIT
// gpumem-stress: threads and processes that do everything one can do with
// buffers, at random, while memory moves.
#include "stress/here.hpp"
#include "stress/judge.hpp"
#include "stress/movers.hpp"
#include "stress/processes.hpp"
#include "stress/refusals.hpp"
#include "stress/report.hpp"
#include "stress/shortage.hpp"
#include "stress/totals.hpp"
#include "support/page_owner.hpp"
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
#include <vector>

namespace {

using stress::Totals;

// Seconds of a run that must have done everything, and gets overtime for it
// where the guest is slow.
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

// One line: of each operation that was, how often it was excused.
void print_excused(const Totals &totals) {
    fmt::print("excused:");
    for (std::size_t i = 0; i < stress::OP_NAMES.size(); ++i)
        if (totals.no_memory[i] || totals.busy[i])
            fmt::print(" {} {} without memory, {} busy;", stress::OP_NAMES[i],
                       totals.no_memory[i].load(), totals.busy[i].load());
    fmt::print(" in all {} without memory, {} busy\n", sum(totals.no_memory),
               sum(totals.busy));
}

void write_summary(const std::string &path, const stress::RunOptions &options,
                   const Totals &totals, const stress::Work &work) {
    const nlohmann::json json = {
        {"seed", options.seed},
        {"operations", sum(totals.done)},
        {"pages_written", totals.pages_written.load()},
        {"pages_verified", totals.pages_verified.load()},
        {"pages_moved", work.moved},
        {"moves_verified", totals.moves_verified.load()},
        {"pages_compacted", totals.compacted.load()},
        {"pages_compressed", work.compressed},
        {"pages_restored", work.restored},
        {"failures", totals.failures.load()},
        {"first_failure", totals.words.data()}};
    support::write_file(path, json.dump() + "\n");
}

void prepare() {
    // Written once, so that it needs no memory when memory is short.
    if (support::shell(
            "modprobe brd rd_nr=1 rd_size=4096 && dd if=/dev/zero of=" +
            std::string(stress::DISK) + " bs=1M count=4 oflag=direct"))
        throw std::runtime_error("cannot make the disk for O_DIRECT, by brd");
    support::load_test_module("gpumem_test_importer");
    support::load_test_module("gpumem_test_contig");
    // The OOM killer is to take others.
    support::write_file("/proc/self/oom_score_adj", "-1000");
}

void print_end(const Totals &totals, const stress::Ends &ends,
               const stress::Work &work) {
    print(stress::OP_NAMES, totals.done, totals.refused);
    print_excused(totals);
    print(stress::MOVE_NAMES, totals.moves_done, totals.moves_refused);
    for (std::size_t i = 0; i < stress::IMPORTERS.size(); ++i)
        fmt::print("{:15} {:9} importers saw the pages\n", stress::IMPORTERS[i],
                   totals.imported[i].load());
    fmt::print(
        "operations {}, pages written {}, verified {} ({} MiB), buffers "
        "purged {}, processes {} ended, {} killed, {} by the OOM killer, "
        "{} without their device, {} pages without memory, {} frames of "
        "pinned pages compared, memory moved {} times, {} blocks went that had "
        "to, pages moved {}, "
        "{} of them by the driver, moves verified {}, compressed {}, restored "
        "{}, failures {}\n",
        sum(totals.done), totals.pages_written.load(),
        totals.pages_verified.load(), totals.pages_verified.load() / 256,
        totals.purged.load(), ends.by_themselves, ends.killed, ends.oom_killed,
        ends.lost_device, totals.pages_refused.load(),
        totals.frames_compared.load(), sum(totals.moves_done),
        totals.had_to_go.load(), work.moved,
        totals.compacted.load(), totals.moves_verified.load(),
        work.compressed, work.restored, totals.failures.load());
    if (totals.has_words)
        fmt::print("first failure: {}\n", totals.words.data());
}

// By the driver's account, and by the kernel's where it keeps one.
void expect_nothing_left(const gpumem::Device &device,
                         const stress::State &before,
                         const support::PageAccount &pages,
                         const stress::Report &report) {
    stress::expect_as_before(device, before, report);
    for (const std::string &what : pages.lost())
        report.failed(what);
}

int stress_all(const stress::RunOptions &options, const std::string &summary) {
    prepare();
    Totals &totals = shared_totals();
    totals.others = !options.alone;
    const stress::Report report(totals, options.seed);
    const stress::Trace trace;
    const stress::Refusals refusals;
    const support::MemoryGroup group;
    group.limit(stress::GROUP_BYTES);
    fmt::print("seed {}\n", options.seed);
    gpumem::Device device = gpumem::Device::open();
    const stress::State before = stress::state_of(device);
    const support::PageAccount pages;
    const stress::Work work_before = stress::work_of(device);
    const bool has_pages = device.stats().backing != GPUMEM_BACKING_KIND_MOPS;
    const stress::Here here(has_pages,
                            options.unplug && options.unplug < options.seconds);
    here.print();
    // The movers are a process too: forking beside threads is no good.
    const pid_t movers = stress::in_process(
        [&] { stress::move_memory(options.seed, here, group, report, totals); },
        report);
    const auto missing = [&](const stress::Ends &ends) {
        return options.seconds < WORTH_JUDGING
                   ? std::vector<std::string>{}
                   : stress::not_done(
                         options,
                         [&](stress::Move move) { return here.can(move); },
                         has_pages, ends, stress::work_of(device) - work_before,
                         totals);
    };
    const stress::Ends ends = stress::run_processes(
        options, device, group, refusals, report, totals,
        [&](const stress::Ends &so_far) { return missing(so_far).empty(); });
    int status = 0;
    if (movers < 0 || ::waitpid(movers, &status, 0) < 0 || status)
        report.failed("the process that moves memory failed");
    if (options.alone)
        expect_nothing_left(device, before, pages, report);

    for (const std::string &what : stress::excused_too_often(totals))
        report.failed(what);
    const stress::Work work = stress::work_of(device) - work_before;
    if (!totals.failures)
        for (const std::string &what : missing(ends))
            report.failed(what);
    if (!summary.empty())
        write_summary(summary, options, totals, work);
    print_end(totals, ends, work);
    return totals.failures ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
    stress::RunOptions options;
    std::string summary;
    options.seed = std::random_device{}();
    options.worker.operations = 20000;
    CLI::App app{
        "Do everything one can do with buffers, at random, while memory "
        "moves. Needs root; run it in the guest.",
        "gpumem-stress"};
    app.add_option("--seed", options.seed,
                   "Of all random choices (default: random)");
    app.add_option("--seconds", options.seconds, "Time to run")
        ->check(CLI::Range(1U, 1000000U))
        ->capture_default_str();
    app.add_option("--unplug", options.unplug,
                   "Seconds between unplugging the device and plugging it in "
                   "again; 0: never")
        ->check(CLI::Range(0U, 1000000U))
        ->capture_default_str();
    app.add_option(
           "--progress", options.progress,
           "Seconds between lines 'progress MOVED MOVES-VERIFIED VERIFIED "
           "FAILURES', in pages; 0: none")
        ->check(CLI::Range(0U, 1000000U))
        ->capture_default_str();
    app.add_option("--summary", summary,
                   "Write the numbers to a file, as JSON");
    app.add_flag(
        "!--not-alone", options.alone,
        "Others use the device, so do not count what is left at the end");
    app.add_option("--processes", options.processes, "Processes at a time")
        ->check(CLI::Range(std::size_t{1}, stress::MOST_PROCESSES))
        ->capture_default_str();
    app.add_option("--threads", options.worker.threads, "Threads of a process")
        ->check(CLI::Range(1U, 64U))
        ->capture_default_str();
    app.add_option("--buffers", options.worker.slots, "Buffers of a process")
        ->check(CLI::Range(1U, 4096U))
        ->capture_default_str();
    app.add_option("--pages", options.worker.max_pages,
                   "Pages of the largest buffer; 4096 are 16 MiB")
        ->check(CLI::Range(1U, 65536U))
        ->capture_default_str();
    app.add_option("--operations", options.worker.operations,
                   "Operations of a process before another takes its place")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
        ->capture_default_str();
    app.footer(
        "Exit status: 0, 1 if something was wrong, 2 for a wrong command "
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
