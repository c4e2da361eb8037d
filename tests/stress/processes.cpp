// SPDX-License-Identifier: MIT
#include "stress/processes.hpp"

#include "support/memory_group.hpp"
#include "support/system.hpp"

#include <array>
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

namespace stress {
namespace {

using clock = std::chrono::steady_clock;

// What one process in four may have: less than its buffers at their largest.
constexpr std::uint64_t GROUP_BYTES = 5 << 20;

constexpr auto PATIENCE = std::chrono::seconds(60);

std::uint64_t oom_kills() { return support::value_of("/proc/vmstat", "oom_kill"); }

class Processes {
public:
    Processes(const RunOptions &options, bool charged, const Report &report,
              Totals &totals)
        : options_(options), report_(report), totals_(totals),
          random_(options.seed), charged_(charged), oom_kills_(oom_kills()) {
        group_.limit(GROUP_BYTES);
    }

    void fill_up() {
        while (alive_.size() < options_.processes) {
            WorkerOptions worker = options_.worker;
            worker.seed = options_.seed + number_;
            const bool limited = worker.limited = number_++ % 4 == 0;
            const pid_t child = in_process(
                [&] {
                    support::write_file("/proc/self/oom_score_adj", "500");
                    if (limited)
                        group_.enter();
                    work(worker, report_, totals_);
                },
                report_);
            if (child < 0)
                return; // no memory for one more; later, maybe
            alive_.emplace(child, Process{.limited = limited, .killed = false});
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
        // Memory was short at some time since they were looked at before the last time.
        const std::uint64_t shortages = totals_.shortages;
        const bool short_of_memory = shortages % 2 || shortages != shortages_[0];
        std::erase_if(alive_, [&](const auto &process) {
            int status = 0;
            if (::waitpid(process.first, &status, WNOHANG) <= 0)
                return false;
            ended(status, process.second,
                  short_of_memory || (process.second.limited && charged_));
            return true;
        });
        shortages_ = {shortages_[1], shortages};
    }

    void reap_all() {
        while (!alive_.empty()) {
            reap();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }

    // The buffers of all processes are in use while their device goes.
    void unplug(gpumem::Device &device, std::uint64_t objects) {
        totals_.gone = true;
        support::write_file("/sys/bus/platform/drivers/gpumem/unbind", "gpumem");
        reap_all();
        support::write_file("/sys/bus/platform/drivers/gpumem/bind", "gpumem");
        // The old one is open until now, so the driver stays loaded.
        device = gpumem::Device::open();
        expect_objects(device, objects, report_);
        totals_.gone = false;
        ++totals_.moves_done[static_cast<std::size_t>(Move::unplug)];
    }

    Ends finish() {
        totals_.stop = true;
        reap_all();
        if (oom_kills() - oom_kills_ < ends_.oom_killed)
            report_.failed("processes were killed, and not for want of memory");
        return ends_;
    }

    std::mt19937_64 &random() { return random_; }

private:
    struct Process {
        bool limited; // by its group
        bool killed;  // by us
    };

    void ended(int status, const Process &process, bool short_of_memory) {
        if (!WIFSIGNALED(status)) {
            ++ends_.by_themselves;
            if (status)
                report_.failed(fmt::format("a process ended with status {:#x}",
                                           status));
        } else if (WTERMSIG(status) == SIGKILL) {
            ++(process.killed ? ends_.killed : ends_.oom_killed);
        } else if (WTERMSIG(status) == SIGBUS && totals_.gone) {
            ++ends_.by_unplug;
        } else if (WTERMSIG(status) == SIGBUS && short_of_memory) {
            ++ends_.out_of_memory;
        } else {
            report_.failed(fmt::format("a process died of signal {}",
                                       WTERMSIG(status)));
        }
    }

    const RunOptions &options_;
    const Report &report_;
    Totals &totals_;
    std::mt19937_64 random_;
    const bool charged_; // a group pays for the pages of its buffers
    const std::uint64_t oom_kills_;
    support::MemoryGroup group_;
    std::map<pid_t, Process> alive_;
    // At the last two times: who dies of one may be a while about it.
    std::array<std::uint64_t, 2> shortages_{};
    std::uint64_t number_ = 1;
    Ends ends_;
};

} // namespace

void expect_objects(const gpumem::Device &device, std::uint64_t objects,
                    const Report &report) {
    // A child of a process that was killed may live a little longer.
    const auto end = clock::now() + PATIENCE;
    while (device.stats().objects != objects && clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (device.stats().objects != objects)
        report.failed(fmt::format("there are {} objects and not {}",
                                  device.stats().objects, objects));
}

pid_t in_process(const std::function<void()> &body, const Report &report) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child)
        return child;
    int status = 0;
    try {
        body();
    } catch (const gpumem::Error &error) {
        if (error.code().value() != ENODEV || !report.gone()) {
            report.failed(error.what());
            status = 1;
        }
    } catch (const std::exception &error) {
        report.failed(error.what());
        status = 1;
    }
    std::fflush(nullptr);
    ::_exit(status);
}

Ends run_processes(const RunOptions &options, gpumem::Device &device,
                   const Report &report, Totals &totals) {
    const auto end = clock::now() + std::chrono::seconds(options.seconds);
    const std::chrono::seconds interval(options.unplug);
    auto unplug = clock::now() + interval;
    const std::uint64_t objects = device.stats().objects;
    const std::uint64_t moved = device.stats().moved;
    auto say = clock::now() + std::chrono::seconds(options.progress);
    Processes processes(options,
                        device.stats().backing != GPUMEM_BACKING_KIND_MOPS,
                        report, totals);
    while (clock::now() < end && !totals.failures) {
        processes.fill_up();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (processes.random()() % 32 == 0)
            processes.kill_one();
        processes.reap();
        if (options.unplug && clock::now() >= unplug) {
            processes.unplug(device, objects);
            unplug = clock::now() + interval;
        }
        if (options.progress && clock::now() >= say) {
            say += std::chrono::seconds(options.progress);
            fmt::print("progress {} {} {}\n", device.stats().moved - moved,
                       totals.pages_verified.load(), totals.failures.load());
            std::fflush(stdout);
        }
    }
    return processes.finish();
}

} // namespace stress
