// SPDX-License-Identifier: MIT
#include "stress/worker.hpp"

#include "stress/slot.hpp"
#include "stress/thread.hpp"

#include <gpumem/gpumem.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

namespace stress {

void work(const WorkerOptions &options, const Report &report, Totals &totals) {
    const gpumem::Device device = gpumem::Device::open();
    std::deque<Slot> slots(options.slots);
    std::atomic<std::uint64_t> begun = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options.threads; ++i)
        threads.emplace_back([&, i] {
            const auto thread = std::make_unique<Thread>(
                options.seed * 64 + i, device, slots, options, report,
                totals);
            while (!totals.stop && !totals.gone && begun++ < options.operations)
                thread->step();
        });
    for (std::thread &thread : threads)
        thread.join();
}

} // namespace stress
