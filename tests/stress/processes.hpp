// SPDX-License-Identifier: MIT
// The processes of a run: keeps as many at work as there should be, kills some,
// lets some run short of memory, and takes the device away from all.
#pragma once

#include "stress/refusals.hpp"
#include "stress/report.hpp"
#include "stress/worker.hpp"
#include "support/memory_group.hpp"

#include <gpumem/gpumem.hpp>

#include <cstdint>
#include <functional>
#include <sys/types.h>

namespace stress {

struct RunOptions {
    std::uint64_t seed = 0;
    unsigned seconds = 60;
    unsigned processes = 3;
    // Seconds between two times that the device is unplugged; 0: never.
    unsigned unplug = 20;
    // Nobody else has buffers, so none may be left at the end.
    bool alone = true;
    // Seconds between two lines about how far it is; 0: none.
    unsigned progress = 0;
    WorkerOptions worker;
};

struct Ends {
    std::uint64_t by_themselves = 0;
    std::uint64_t killed = 0;
    std::uint64_t oom_killed = 0;
    // Were at work when the device went.
    std::uint64_t lost_device = 0;
};

// Runs @body in a process of its own; -1 if there cannot be one.
pid_t in_process(const std::function<void()> &body, const Report &report);

// Until the time is over and @is_enough, which a slow guest may need longer
// for, or something was wrong. @device is opened anew each time that it was
// gone.
Ends run_processes(const RunOptions &options, gpumem::Device &device,
                   const support::MemoryGroup &group, const Refusals &refusals,
                   const Report &report, Totals &totals,
                   const std::function<bool(const Ends &)> &is_enough);

} // namespace stress
