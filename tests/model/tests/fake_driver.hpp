// SPDX-License-Identifier: MIT
// A stand-in for the driver that may have a bug.
#pragma once

#include "model/model_driver.hpp"

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
};

class FakeDriver : public Subject {
public:
    explicit FakeDriver(Bug bug) : bug_(bug) {}
    Answer run(const Operation &operation) override;

private:
    Answer query(int file, int slot);
    bool refuses(const Operation &operation, Answer &answer);
    void tell_cold(const Operation &operation, Answer &answer);

    Bug bug_;
    ModelDriver inner_;
    bool brought_back_ = false;
    Operation advised_;      // last to be cold,
    std::uint64_t cold_ = 0; // and so much of it was
};

} // namespace model
