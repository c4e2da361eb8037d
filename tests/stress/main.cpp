// SPDX-License-Identifier: MIT
// gpumem-stress: threads and processes that do everything one can do with buffers,
// at random, while memory moves.
#include "stress/movers.hpp"
#include "stress/report.hpp"
#include "stress/totals.hpp"
#include "stress/worker.hpp"

#include <gpumem/gpumem.hpp>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <new>
#include <random>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using stress::Totals;

struct Options {
    std::uint64_t seed = 0;
    unsigned seconds = 60;
    unsigned processes = 3;
    stress::WorkerOptions worker;
};

Totals &shared_totals() {
    void *at = ::mmap(nullptr, sizeof(Totals), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        throw std::bad_alloc();
    return *new (at) Totals;
}

// Returns its process, or -1.
pid_t in_process(const std::function<void()> &body, const stress::Report &report) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child)
        return child;
    int status = 0;
    try {
        body();
    } catch (const std::exception &error) {
        report.failed(error.what());
        status = 1;
    }
    std::fflush(nullptr);
    ::_exit(status);
}

struct Ends {
    std::uint64_t by_themselves = 0;
    std::uint64_t killed = 0;
};

// Keeps as many processes at work as there should be, and kills some.
Ends run_processes(const Options &options, const stress::Report &report,
                   Totals &totals) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + std::chrono::seconds(options.seconds);
    std::mt19937_64 random(options.seed);
    std::map<pid_t, bool> alive; // and whether it was killed
    std::uint64_t number = 1;
    Ends ends;
    while (clock::now() < end && !totals.failures) {
        while (alive.size() < options.processes) {
            stress::WorkerOptions worker = options.worker;
            worker.seed = options.seed + number++;
            const pid_t child =
                in_process([&] { stress::work(worker, totals); }, report);
            if (child < 0)
                break; // no memory for one more; later, maybe
            alive.emplace(child, false);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (random() % 32 == 0 && !alive.empty()) {
            auto &[pid, killed] = *std::next(
                alive.begin(), static_cast<long>(random() % alive.size()));
            killed = ::kill(pid, SIGKILL) == 0;
        }
        int status = 0;
        for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            const bool killed = alive[pid] && WIFSIGNALED(status);
            if (status && !killed)
                report.failed(fmt::format("a process ended with status {:#x}",
                                          status));
            ++(killed ? ends.killed : ends.by_themselves);
            alive.erase(pid);
        }
    }
    totals.stop = true;
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, 0)) > 0;) {
        const auto worker = alive.find(pid);
        if (status && (worker == alive.end() || !worker->second))
            report.failed(fmt::format("a process ended with status {:#x}",
                                      status));
        if (worker != alive.end())
            ++ends.by_themselves;
    }
    return ends;
}

int stress_all(const Options &options) {
    Totals &totals = shared_totals();
    const stress::Report report(totals, options.seed);
    fmt::print("seed {}\n", options.seed);
    std::fflush(stdout);
    const gpumem::Device device = gpumem::Device::open();
    const auto before = device.stats();
    // The movers are a process too: forking beside threads is no good.
    in_process([&] { stress::move_memory(options.seed, report, totals); }, report);
    const Ends ends = run_processes(options, report, totals);
    const auto after = device.stats();

    std::uint64_t operations = 0;
    for (std::size_t i = 0; i < stress::OP_NAMES.size(); ++i) {
        operations += totals.done[i];
        fmt::print("{:12} {:9} done {:7} refused\n", stress::OP_NAMES[i],
                   totals.done[i].load(), totals.refused[i].load());
    }
    fmt::print("operations {}, pages written {}, verified {} ({} MiB), buffers "
               "purged {}, processes {} ended and {} killed, memory moved {} "
               "times, pages moved {}, failures {}\n",
               operations, totals.pages_written.load(),
               totals.pages_verified.load(), totals.pages_verified.load() / 256,
               totals.purged.load(), ends.by_themselves, ends.killed,
               totals.moves_asked.load(),
               after.moved - before.moved, totals.failures.load());
    if (after.objects != before.objects)
        report.failed(fmt::format("{} objects are left of {}", after.objects,
                                  before.objects));
    return totals.failures ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
    Options options;
    options.seed = std::random_device{}();
    options.worker.operations = 20000;
    CLI::App app{"Do everything one can do with buffers, at random, while memory "
                 "moves. Needs root; run it in the guest.",
                 "gpumem-stress"};
    app.add_option("--seed", options.seed, "Of all random choices (default: random)");
    app.add_option("--seconds", options.seconds, "Time to run")
        ->check(CLI::Range(1U, 1000000U))
        ->capture_default_str();
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
        return stress_all(options);
    } catch (const std::exception &error) {
        fmt::print(stderr, "gpumem-stress: {}\n", error.what());
        return 1;
    }
}
