// SPDX-License-Identifier: MIT
#include "stress/worker.hpp"

#include "stress/excuses.hpp"
#include "stress/seeds.hpp"
#include "stress/slot.hpp"
#include "stress/thread.hpp"
#include "support/signal_guard.hpp"

#include <gpumem/gpumem.hpp>

#include <atomic>
#include <cerrno>
#include <deque>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

namespace stress {
namespace {

void work_on(const gpumem::Device &device, const WorkerOptions &options,
             const Excuses &excuses, const Report &report, Totals &totals) {
    const bool has_pages = device.stats().backing != GPUMEM_BACKING_KIND_MOPS;
    std::deque<Slot> slots(options.slots);
    std::atomic<std::uint64_t> begun = 0;
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options.threads; ++i)
        threads.emplace_back([&, i] {
            const auto thread = std::make_unique<Thread>(
                seed_of(options.seed, i), device, has_pages, slots, options,
                excuses, report, totals);
            while (!totals.stop && !totals.leave &&
                   begun++ < options.operations)
                thread->step();
            if (!totals.leave)
                thread->verify_rest();
        });
}

} // namespace

void work(const WorkerOptions &options, const Refusals &refusals,
          const Report &report, Totals &totals) {
    const support::SignalGuard guard;
    Excuses excuses(totals, refusals, options.limited);
    excuses.begin();
    try {
        const gpumem::Device device = gpumem::Device::open();
        work_on(device, options, excuses, report, totals);
    } catch (const std::system_error &error) {
        const int code = error.code().value();
        // EAGAIN: no memory for a thread.
        const bool memory = code == ENOMEM || code == EAGAIN;
        if (!(memory && excuses.memory_was_short()) &&
            !(code == ENODEV && excuses.device_is_gone()))
            throw;
    }
}

} // namespace stress
