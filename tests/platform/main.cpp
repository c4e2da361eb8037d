// SPDX-License-Identifier: MIT
// gpumem-platform: a small device's load on memory, from a seed, and what
// memory can still give meanwhile. tools/platform runs it in a guest, by
// tests/platform/run.
#include "platform/apps.hpp"
#include "platform/files.hpp"
#include "platform/gpu.hpp"
#include "platform/options.hpp"
#include "platform/process.hpp"
#include "platform/sampler.hpp"
#include "support/system.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <set>
#include <string>

namespace {

using platform::Oom;
using platform::Options;
using platform::Shared;

Shared &shared_memory() {
    void *memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw std::bad_alloc();
    return *new (memory) Shared;
}

int run(const Options &options) {
    support::load_test_module("gpumem_test_probe");
    support::load_test_module("gpumem_test_compaction");
    // Nobody of the kind that is measured is to be killed or swapped out.
    support::write_file("/proc/self/oom_score_adj", "-1000");
    Shared &shared = shared_memory();

    // All are processes, made before anything has a device or threads.
    std::set<pid_t> parts;
    for (const auto part : {platform::run_reader, platform::run_compiler,
                            platform::run_apps, platform::run_forks})
        parts.insert(
            platform::start(Oom::never, [&] { part(options, shared); }));
    parts.insert(platform::start(Oom::never, [&] {
        ::mlockall(MCL_CURRENT);
        platform::run_gpu(options, shared);
    }));
    ::mlockall(MCL_CURRENT | MCL_FUTURE);

    platform::Sampler sampler(options, shared);
    bool failed = false;
    sampler.run([&] {
        // None of them ends before it is told to.
        for (const pid_t part : std::set(parts))
            if (::waitpid(part, nullptr, WNOHANG) == part) {
                parts.erase(part);
                failed = true;
            }
        return !failed;
    });
    shared.stop = true;
    for (const pid_t part : parts)
        failed |= support::wait_for(part) != 0;
    auto end = sampler.end();
    end["failed"] = failed;
    fmt::print("{}\n", end.dump());
    if (failed)
        fmt::print(stderr, "gpumem-platform: a part of the load failed\n");
    if (shared.pages_wrong)
        fmt::print(stderr,
                   "gpumem-platform: {} pages do not hold what was "
                   "written to them\n",
                   shared.pages_wrong.load());
    return failed || shared.pages_wrong ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
    Options options;
    unsigned memory = 0, seconds = 0, interval = 5;
    CLI::App app(
        "The load of a small device: GPU buffers come and go, programs "
        "run, sources are compiled, and every few seconds blocks of "
        "memory are asked for. Prints a line of JSON each time.",
        "gpumem-platform");
    app.add_option("--memory", memory, "MiB of the machine; all is sized by it")
        ->required()
        ->check(CLI::Range(256u, 65536u));
    app.add_option("--seconds", seconds, "How long")
        ->required()
        ->check(CLI::Range(10u, 360000u));
    app.add_option("--seed", options.seed, "Of all choices")
        ->capture_default_str();
    app.add_option("--interval", interval, "Seconds between samples")
        ->capture_default_str()
        ->check(CLI::Range(1u, 60u));
    app.add_flag("--cold", options.cold, "Advise buffers that they are cold");
    app.footer(
        "Exit status: 0, 1 if a page was wrong or a part failed, 2 for a "
        "wrong command line.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) ? 2 : 0;
    }
    options.memory = std::uint64_t{memory} << 20;
    options.duration = std::chrono::seconds(seconds);
    options.interval = std::chrono::seconds(interval);
    try {
        return run(options);
    } catch (const std::exception &error) {
        fmt::print(stderr, "gpumem-platform: {}\n", error.what());
        return 1;
    }
}
