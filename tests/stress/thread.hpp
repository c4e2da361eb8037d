// SPDX-License-Identifier: MIT
// A thread of a process: chooses an operation and a slot at random, and does
// it.
#pragma once

#include "stress/excuses.hpp"
#include "stress/orphan.hpp"
#include "stress/report.hpp"
#include "stress/slot.hpp"
#include "stress/touch.hpp"
#include "stress/worker.hpp"
#include "support/test_importer.hpp"

#include <gpumem/gpumem.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <sys/types.h>

namespace stress {

class Thread {
public:
    // @has_pages: the kernel can take references of the pages, which it cannot
    // of those of PFN mappings.
    Thread(std::uint64_t seed, const gpumem::Device &device, bool has_pages,
           std::deque<Slot> &slots, const WorkerOptions &options,
           const Excuses &excuses, const Report &report, Totals &totals);

    void step();
    // At its end: what is left of buffers whose pages moved is right.
    void verify_rest();

private:
    template <typename Body> void attempt(Body body);
    Slot &some_slot();
    bool run(Op op, Slot &slot);

    // With the slot alone:
    bool change(Op op, Slot &slot);
    bool create(Slot &slot);
    bool destroy(Slot &slot);
    bool dontneed(Slot &slot);
    bool willneed(Slot &slot);
    bool cold(Slot &slot);
    bool attach(Slot &slot);
    bool outlive(Slot &slot);
    void drop(Slot &slot);

    // With the slot shared with other threads:
    bool use(Op op, Slot &slot);
    bool write(Slot &slot);
    bool verify(Slot &slot);
    bool pin(Slot &slot);
    gpumem::Pin pin_for_long(Slot &slot);
    bool unpin(Slot &slot);
    bool reimport(Slot &slot);
    bool second_file(Slot &slot);
    bool remap(Slot &slot);
    bool protect(Slot &slot);
    bool hole(Slot &slot);
    bool fork(Slot &slot);
    bool vm_readv(Slot &slot);
    bool vmsplice(Slot &slot);
    bool from_pipe(Slot &slot);
    bool direct_io(Slot &slot);
    bool cpu_access(Slot &slot);

    // An importer that has mapped the buffer; none if that was refused.
    std::optional<support::TestImporter> import(Slot &slot, std::size_t kind);
    bool attach_and_map(Slot &slot, const support::TestImporter &importer,
                        std::size_t kind);

    // Of its mappings without a handle.
    void check_orphans();
    void drop_orphan();

    // Lets go of everything by which a page is where it is.
    void calm_down();

    // With the slot's held_lock:
    void compare_frames(const Slot &slot, const Pinned &pinned);
    void compare_all_frames(const Slot &slot);
    std::vector<std::uint64_t> frames_of(const Slot &slot, bool touched);

    // The page that was in a pipe; @slot is null if its buffer is gone.
    void read_pipe(const InPipe &pipe, const Slot *slot);
    bool empty_pipes(Slot &slot, std::chrono::milliseconds age);

    void check(const Slot &slot, const std::byte *at, std::size_t page,
               const char *where) {
        slot.check(at, page, report_, totals_, where);
    }
    void check_copy(const Slot &slot, std::size_t page, const char *where) {
        slot.check_copy(copy_.data(), page, report_, totals_, where);
    }
    // What is in the page, unless nothing was ever, and then the next version:
    // no move is forgotten unseen.
    void write(Slot &slot, std::byte *at, std::size_t page) {
        if (slot.versions[page])
            check(slot, at, page, "before it is written");
        slot.write(at, page, totals_);
    }
    // With the slot alone: all that was written, and some of what was not; every
    // page, if any moved since the last time.
    void check_all(Slot &slot, const char *where);

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

    // What did not succeed: an answer to expect, or a failure of the run.
    void refused(const gpumem::Error &error);
    void refused(const Unreachable &page, pid_t thread);
    // Of a system call; false.
    bool refused(const char *call, std::initializer_list<int> expected);
    // The same of a call that touches a page for us and gave less than all.
    bool cut_short(const char *call, ssize_t got,
                   std::initializer_list<int> expected);
    // A page of a mapping that must not let us do this answers with SIGSEGV.
    template <typename Body> void expect_signal(Body body, const char *what);

    // An answer that was excused is counted, for it must not be the rule.
    void count_excused(int error);

    void failed(const std::string &what);

    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0,
                                                          bound - 1)(random_);
    }

    std::mt19937_64 random_;
    const gpumem::Device &device_;
    const bool has_pages_;
    std::deque<Slot> &slots_;
    const WorkerOptions &options_;
    Excuses excuses_;
    Totals &totals_;
    const Report &report_;
    Op op_{};
    bool held_ = false; // by somebody of ours: a long pin is refused
    gpumem::UniqueFd disk_;
    std::deque<Orphan> orphans_;
    alignas(support::PAGE) std::array<std::byte, support::PAGE> copy_{};
};

} // namespace stress
