// SPDX-License-Identifier: MIT
// gpumem storm: ask the kernel for huge pages and for compaction, again and
// again, and report what it could give. The pages are held for a short time
// only and never so many that nothing is left for others.
#include "args.hpp"
#include "cli_check.hpp"
#include "device.hpp"
#include "error.hpp"
#include "files.hpp"
#include "stop.hpp"
#include "summary.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace tool {
namespace {

const std::string nr_hugepages = "/proc/sys/vm/nr_hugepages";
const std::string compact_memory = "/proc/sys/vm/compact_memory";

struct storm_options {
    std::string seconds;
    std::string until_file;
    std::uint64_t rounds = 0;
    std::uint64_t ask = 0;
    std::uint64_t leave_mib = 256;
    unsigned hold_ms = 20;
    unsigned pause_ms = 100;
    bool compact = true;
    bool json = false;
};

// Gives back the pool's size whatever ends the storm, save SIGKILL.
class hugepage_pool {
public:
    hugepage_pool() : before_(read_number(nr_hugepages)) {}
    ~hugepage_pool() {
        try {
            resize(before_);
        } catch (const std::exception &e) {
            fmt::print(stderr, "gpumem: storm: huge pages not given back: {}\n",
                       e.what());
        }
    }
    hugepage_pool(const hugepage_pool &) = delete;
    hugepage_pool &operator=(const hugepage_pool &) = delete;

    // What the kernel really added to the pool, of @count asked for.
    std::uint64_t grow_by(std::uint64_t count) {
        resize(before_ + count);
        const std::uint64_t now = read_number(nr_hugepages);
        return now > before_ ? now - before_ : 0;
    }
    void give_back() { resize(before_); }

private:
    static void resize(std::uint64_t n) {
        write_text(nr_hugepages, std::to_string(n));
    }
    std::uint64_t before_;
};

class end_of_storm {
public:
    explicit end_of_storm(const storm_options &opt) : opt_(opt) {
        if (!opt.seconds.empty())
            end_ = clock::now() +
                   std::chrono::duration_cast<clock::duration>(
                       std::chrono::duration<double>(
                           parse_seconds(opt.seconds)));
    }
    bool reached(std::uint64_t rounds) const {
        if (stop_requested() || (opt_.rounds && rounds >= opt_.rounds) ||
            (end_ && clock::now() >= *end_))
            return true;
        return !opt_.until_file.empty() &&
               ::access(opt_.until_file.c_str(), F_OK) == 0;
    }

private:
    using clock = std::chrono::steady_clock;
    const storm_options &opt_;
    std::optional<clock::time_point> end_;
};

// Moves since it was made: by the whole kernel, and of gpumem's pages.
class move_counter {
public:
    move_counter() : dev_(open_device_if_there()), kernel_(kernel_now()),
                     gpumem_(gpumem_now()) {}
    std::uint64_t kernel() const { return kernel_now() - kernel_; }
    bool has_gpumem() const { return dev_ != nullptr; }
    std::uint64_t gpumem() const { return gpumem_now() - gpumem_; }

private:
    static std::uint64_t kernel_now() {
        return keyed_number(read_text("/proc/vmstat"), "pgmigrate_success");
    }
    std::uint64_t gpumem_now() const {
        return dev_ ? device_stats(dev_.get()).moved : 0;
    }
    device_ptr dev_;
    std::uint64_t kernel_;
    std::uint64_t gpumem_;
};

std::uint64_t hugepage_kib() {
    return keyed_number(read_text("/proc/meminfo"), "Hugepagesize");
}

// As many as there is memory for with --leave-mib left over.
std::uint64_t default_ask(const storm_options &opt) {
    const std::uint64_t available =
        keyed_number(read_text("/proc/meminfo"), "MemAvailable");
    const std::uint64_t leave = opt.leave_mib * 1024;
    return available > leave ? (available - leave) / hugepage_kib() : 0;
}

nlohmann::ordered_json storm(const storm_options &opt) {
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    const end_of_storm end(opt);
    const move_counter moves;
    hugepage_pool pool;
    std::vector<std::uint64_t> asked;
    std::vector<std::uint64_t> got;

    // A storm of no rounds would say nothing, however soon its end comes.
    do {
        const std::uint64_t room = default_ask(opt);
        const std::uint64_t ask =
            opt.ask ? std::min(opt.ask, room) : room;
        const std::uint64_t given = ask ? pool.grow_by(ask) : 0;
        // A request that a signal cut short says nothing about memory.
        if (stop_requested())
            break;
        asked.push_back(ask);
        got.push_back(given);
        sleep_or_stop(std::chrono::milliseconds(opt.hold_ms));
        pool.give_back();
        if (opt.compact && !stop_requested())
            write_text(compact_memory, "1");
        sleep_or_stop(std::chrono::milliseconds(opt.pause_ms));
    } while (!end.reached(got.size()));

    nlohmann::ordered_json out = {
        {"rounds", got.size()},
        {"seconds",
         std::chrono::duration<double>(clock::now() - start).count()},
        {"asked_median", median(asked)},
        {"huge_pages_best", highest(got)},
        {"huge_pages_median", median(got)},
        {"huge_pages_mean", mean(got)},
        {"huge_pages_by_round", got},
        {"pages_migrated_by_kernel", moves.kernel()},
    };
    if (moves.has_gpumem())
        out["gpumem_pages_moved"] = moves.gpumem();
    return out;
}

void check_options(const storm_options &opt) {
    if (opt.seconds.empty() && opt.until_file.empty() && opt.rounds == 0)
        throw failure("say how long: --seconds, --rounds or --until-file",
                      exit_status::usage);
    if (::geteuid() != 0)
        throw failure("only root may ask for huge pages and compaction");
}

void run(const storm_options &opt) {
    check_options(opt);
    catch_stop_signals();
    const auto result = storm(opt);
    if (opt.json) {
        fmt::print("{}\n", result.dump(2));
        return;
    }
    for (const auto &[key, value] : result.items())
        fmt::print("{:<26}{}\n", key, value.dump());
}

} // namespace

void add_storm(CLI::App &app) {
    auto opt = std::make_shared<storm_options>();
    CLI::App *cmd = app.add_subcommand(
        "storm", "Ask for huge pages and compaction, again and again");
    cmd->add_option("--seconds", opt->seconds, "End after this time")
        ->check(checked_by(parse_seconds, "SECONDS"));
    cmd->add_option("--rounds", opt->rounds, "End after this many rounds")
        ->check(CLI::Range(1u, 1000000u));
    cmd->add_option("--until-file", opt->until_file,
                    "End after the round in which this file exists");
    cmd->add_option("--ask", opt->ask,
                    "Huge pages to ask for in a round (default: as many as "
                    "there is memory for)")
        ->check(CLI::Range(1u, 1u << 20));
    cmd->add_option("--leave-mib", opt->leave_mib,
                    "Never ask for so much that less than this is available")
        ->capture_default_str()
        ->check(CLI::Range(16u, 1u << 20));
    cmd->add_option("--hold-ms", opt->hold_ms,
                    "Time to hold the huge pages of a round")
        ->capture_default_str()
        ->check(CLI::Range(0u, 10000u));
    cmd->add_option("--pause-ms", opt->pause_ms, "Time between rounds")
        ->capture_default_str()
        ->check(CLI::Range(0u, 60000u));
    cmd->add_flag("!--no-compact", opt->compact,
                  "Do not write to compact_memory after a round");
    cmd->add_flag("--json", opt->json, "Print JSON");
    cmd->footer("The size of the kernel's pool of huge pages is put back at "
                "the end, also after SIGTERM, SIGINT and SIGHUP.");
    cmd->callback([opt] { run(*opt); });
}

} // namespace tool
