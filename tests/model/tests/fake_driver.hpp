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
};

class FakeDriver : public Subject {
public:
    explicit FakeDriver(Bug bug) : bug_(bug) {}
    Answer run(const Operation &operation) override;

private:
    Bug bug_;
    ModelDriver inner_;
    bool brought_back_ = false;
};

} // namespace model
