// SPDX-License-Identifier: MIT
// A thread of a process: chooses an operation and a slot at random, and does it.
#pragma once

#include "stress/report.hpp"
#include "stress/slot.hpp"
#include "stress/worker.hpp"

#include <gpumem/gpumem.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <initializer_list>
#include <random>
#include <sys/types.h>

namespace stress {

class Thread {
public:
    Thread(std::uint64_t seed, const gpumem::Device &device,
           std::deque<Slot> &slots, const WorkerOptions &options,
           const Report &report, Totals &totals);

    void step();

private:
    bool run(Op op, Slot &slot);

    // With the slot alone:
    bool change(Op op, Slot &slot);
    bool create(Slot &slot);
    bool destroy(Slot &slot);
    bool dontneed(Slot &slot);
    bool willneed(Slot &slot);
    bool attach(Slot &slot);

    // With the slot shared with other threads:
    bool use(Op op, Slot &slot);
    bool write(Slot &slot);
    bool verify(Slot &slot);
    bool pin(Slot &slot);
    bool unpin(Slot &slot);
    bool reimport(Slot &slot);
    bool second_file(Slot &slot);
    bool remap(Slot &slot);
    bool protect(Slot &slot);
    bool fork(Slot &slot);
    bool vm_readv(Slot &slot);
    bool vmsplice(Slot &slot);
    bool direct_io(Slot &slot);

    void check(const Slot &slot, const std::byte *at, std::size_t page,
               const char *where) {
        slot.check(at, page, report_, totals_, where);
    }
    void check_all(const Slot &slot, const char *where);

    // A run of pages of the first @end, without those that another thread has.
    template <typename Body>
    bool some_pages(Slot &slot, Body body, std::size_t end) {
        const std::size_t first = below(end);
        const std::size_t last = std::min(end, first + 1 + below(16));
        bool any = false;
        for (std::size_t page = first; page < last; ++page)
            if (const auto lock = slot.lock(page)) {
                body(page);
                any = true;
            }
        return any;
    }
    template <typename Body> bool some_pages(Slot &slot, Body body) {
        return some_pages(slot, body, slot.pages());
    }

    // A system call failed: an answer to expect, or a failure of the run. False.
    bool refused(const char *call, std::initializer_list<int> expected);
    // The same of a call that gave less than all.
    bool cut_short(const char *call, ssize_t got,
                   std::initializer_list<int> expected);

    // There may have been no page for who touched one since the operation began.
    [[nodiscard]] bool short_of_memory() const {
        return (options_.limited && has_pages_) || shortages_ % 2 ||
               shortages_ != totals_.shortages;
    }

    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }

    std::mt19937_64 random_;
    const gpumem::Device &device_;
    std::deque<Slot> &slots_;
    const WorkerOptions &options_;
    Totals &totals_;
    const Report &report_;
    // PFN mappings have no pages that the kernel could take references of.
    bool has_pages_;
    Op op_{};
    std::uint64_t shortages_ = 0; // when the operation began
    gpumem::UniqueFd disk_;
    alignas(support::PAGE) std::array<std::byte, support::PAGE> copy_{};
};

} // namespace stress
