// SPDX-License-Identifier: MIT
#include "stress/processes.hpp"

#include "stress/judge.hpp"
#include "stress/seeds.hpp"
#include "support/memory_group.hpp"
#include "support/system.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <map>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace stress {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds PATIENCE{60};
// Beyond the time of the run, for what a slow guest has not done yet.
constexpr std::chrono::minutes OVERTIME{10};
// Among the seeds of a run, of which processes have those from 1 on.
constexpr std::uint64_t KILLING = 0;
// How long processes go on without their device.
constexpr std::chrono::milliseconds AFTERWARDS{200};

class Processes {
public:
    Processes(const RunOptions &options, const support::MemoryGroup &group,
              const Refusals &refusals, const Report &report, Totals &totals)
        : options_(options), group_(group), refusals_(refusals),
          report_(report), totals_(totals),
          random_(seed_of(options.seed, KILLING)) {}

    void fill_up() {
        while (alive_.size() < options_.processes) {
            WorkerOptions worker = options_.worker;
            worker.seed = seed_of(options_.seed, number_);
            const bool limited = worker.limited = is_next_limited();
            const std::size_t place = worker.place = free_place();
            ++number_;
            const pid_t child = in_process(
                [&] {
                    support::write_file("/proc/self/oom_score_adj", "500");
                    if (limited)
                        group_.enter();
                    work(worker, refusals_, report_, totals_);
                },
                report_);
            if (child < 0)
                return; // no memory for one more; later, maybe
            alive_.emplace(
                child,
                Process{.place = place, .limited = limited, .killed = false});
        }
    }

    void kill_one() {
        if (alive_.empty())
            return;
        auto &[pid, process] = *std::next(
            alive_.begin(), static_cast<long>(random_() % alive_.size()));
        process.killed = ::kill(pid, SIGKILL) == 0;
    }

    void reap() {
        std::erase_if(alive_, [&](const auto &process) {
            int status = 0;
            if (::waitpid(process.first, &status, WNOHANG) <= 0)
                return false;
            ended(status, process.first, process.second);
            return true;
        });
    }

    void reap_all() {
        while (!alive_.empty()) {
            reap();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }

    // The buffers of all processes are in use while their device goes, and
    // after.
    void unplug(gpumem::Device &device, const State &before) {
        const std::uint64_t met = totals_.met_gone;
        totals_.gone = true;
        support::write_file("/sys/bus/platform/drivers/gpumem/unbind",
                            "gpumem");
        const auto end = clock::now() + PATIENCE;
        for (reap(); !alive_.empty() && totals_.met_gone == met; reap()) {
            if (clock::now() >= end) {
                report_.failed("nobody noticed that the device is gone");
                break;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        std::this_thread::sleep_for(AFTERWARDS);
        ends_.lost_device += alive_.size();
        totals_.leave = true;
        reap_all();
        support::write_file("/sys/bus/platform/drivers/gpumem/bind", "gpumem");
        // The old one is open until now, so the driver stays loaded.
        device = gpumem::Device::open();
        if (options_.alone)
            expect_as_before(device, before, report_);
        totals_.leave = false;
        totals_.gone = false;
        ++totals_.moves_done[static_cast<std::size_t>(Move::unplug)];
    }

    Ends finish() {
        totals_.stop = true;
        reap_all();
        // The kernel may write down whom it took a moment after it has.
        for (const pid_t process : taken_)
            if (!refusals_.killed(process))
                report_.failed(
                    fmt::format("process {} was killed, and neither by us nor "
                                "by the OOM killer",
                                process));
        return ends_;
    }

    std::mt19937_64 &random() { return random_; }

    [[nodiscard]] const Ends &ends() const { return ends_; }

private:
    struct Process {
        std::size_t place;
        bool limited; // by its group
        bool killed;  // by us
    };

    // One is, or of those of a run with one process at a time, one in four.
    [[nodiscard]] bool is_next_limited() const {
        return options_.processes == 1
                   ? number_ % 4 == 0
                   : std::ranges::none_of(alive_, [](const auto &process) {
                         return process.second.limited;
                     });
    }

    [[nodiscard]] std::size_t free_place() const {
        std::size_t place = 0;
        while (std::ranges::any_of(alive_, [place](const auto &process) {
            return process.second.place == place;
        }))
            ++place;
        return place;
    }

    void ended(int status, pid_t pid, const Process &process) {
        totals_.in_pipes[process.place] = 0;
        if (!WIFSIGNALED(status)) {
            ++ends_.by_themselves;
            if (status)
                report_.failed(
                    fmt::format("a process ended with status {:#x}", status));
        } else if (WTERMSIG(status) == SIGKILL) {
            ++(process.killed ? ends_.killed : ends_.oom_killed);
            if (!process.killed)
                taken_.push_back(pid);
        } else {
            report_.failed(
                fmt::format("a process died of signal {}", WTERMSIG(status)));
        }
    }

    const RunOptions &options_;
    const support::MemoryGroup &group_;
    const Refusals &refusals_;
    const Report &report_;
    Totals &totals_;
    std::mt19937_64 random_;
    std::map<pid_t, Process> alive_;
    // By the OOM killer, or it is a failure.
    std::vector<pid_t> taken_;
    std::uint64_t number_ = 1;
    Ends ends_;
};

} // namespace

pid_t in_process(const std::function<void()> &body, const Report &report) {
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

Ends run_processes(const RunOptions &options, gpumem::Device &device,
                   const support::MemoryGroup &group, const Refusals &refusals,
                   const Report &report, Totals &totals,
                   const std::function<bool(const Ends &)> &is_enough) {
    const auto end = clock::now() + std::chrono::seconds(options.seconds);
    const std::chrono::seconds interval(options.unplug);
    auto unplug = clock::now() + interval;
    const State before = state_of(device);
    const std::uint64_t moved = device.stats().moved;
    auto say = clock::now() + std::chrono::seconds(options.progress);
    Processes processes(options, group, refusals, report, totals);
    const auto goes_on = [&] {
        const auto now = clock::now();
        return now < end ||
               (now < end + OVERTIME && !is_enough(processes.ends()));
    };
    while (!totals.failures && goes_on()) {
        processes.fill_up();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (processes.random()() % 32 == 0)
            processes.kill_one();
        processes.reap();
        if (options.unplug && clock::now() >= unplug) {
            processes.unplug(device, before);
            unplug = clock::now() + interval;
        }
        if (options.progress && clock::now() >= say) {
            say += std::chrono::seconds(options.progress);
            fmt::print("progress {} {} {} {}\n", device.stats().moved - moved,
                       totals.moves_verified.load(),
                       totals.pages_verified.load(), totals.failures.load());
            std::fflush(stdout);
        }
    }
    return processes.finish();
}

} // namespace stress
