// SPDX-License-Identifier: MIT
// A stand-in for the driver that may have a bug.
#pragma once

#include "model/model_driver.hpp"

#include <vector>

namespace model {

enum class Bug {
    none,
    wrong_errno,        // a pin of an unknown handle is EINVAL
    unpins_a_part,      // of an array that is refused
    keeps_what_it_took, // purged contents come back with WILLNEED
    ignores_the_budget, // of a compaction
    compresses_pinned,  // pages with COLD
    never_compresses,   // any
    counts_restored,    // pages still as cold after a touch
    refuses_long_pins,  // of pages that may be in use
    takes_named,        // contents of buffers that have a name
    compresses_named,   // likewise, with COLD
    keeps_names,        // of buffers that are gone
    always_busy,        // to long pins
    pins_for_long,      // what is pinned for a short time
    ignores_the_limit,  // RLIMIT_MEMLOCK
    syncs_nothing,      // an access that neither reads nor writes is no error
    moves_fenced,       // buffers with fences
};

class FakeDriver : public Subject {
public:
    explicit FakeDriver(Bug bug) : bug_(bug) {}
    Answer run(const Operation &operation) override;

private:
    Answer query(int file, int slot);
    bool refuses(const Operation &operation, Answer &answer);
    void tell_names(const Operation &operation, Answer &answer);
    void tell_cold(const Operation &operation, Answer &answer);

    Bug bug_;
    ModelDriver inner_;
    bool brought_back_ = false;
    std::vector<Operation> named_; // by these, all of them plain
    Operation advised_;            // last to be cold,
    bool fenced_ = false;
    std::uint64_t moved_ = 0;
    std::uint64_t cold_ = 0;       // and so much of it was
};

} // namespace model
