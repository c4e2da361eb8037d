// SPDX-License-Identifier: MIT
// The processes of a run: keeps as many at work as there should be, kills some,
// lets some run short of memory, and takes the device away from all.
#pragma once

#include "stress/report.hpp"
#include "stress/worker.hpp"

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
    // Touched a page for which there was no memory, by a limit or at all.
    std::uint64_t out_of_memory = 0;
    // Touched a buffer of a device that was gone.
    std::uint64_t by_unplug = 0;
};

// Runs @body in a process of its own; -1 if there cannot be one.
pid_t in_process(const std::function<void()> &body, const Report &report);

// Fails the run if there are not as many objects when all have ended.
void expect_objects(const gpumem::Device &device, std::uint64_t objects,
                    const Report &report);

// Until the time is over or something was wrong. @device is opened anew each time
// that it was gone.
Ends run_processes(const RunOptions &options, gpumem::Device &device,
                   const Report &report, Totals &totals);

} // namespace stress
