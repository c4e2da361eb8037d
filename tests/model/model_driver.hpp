// SPDX-License-Identifier: MIT
// A stand-in for the driver: a model that makes up what the driver is free to
// choose, and purges and compresses whenever it may.
#pragma once

#include "model/model.hpp"

namespace model {

class ModelDriver : public Subject {
public:
    Answer run(const Operation &operation) override;

    [[nodiscard]] bool skips(const Operation &operation) {
        return model_.skips(operation);
    }
    // The error that it would be answered with.
    [[nodiscard]] int error(const Operation &operation);
    // What it names is there, and its answer says something of that.
    [[nodiscard]] bool makes_sense(const Operation &operation);
    // After it there is something that the shrinker could take.
    [[nodiscard]] bool lets_purge(const Operation &operation);
    // It has pages compressed.
    [[nodiscard]] bool compresses(const Operation &operation);
    // For it pages have to be replaced.
    [[nodiscard]] bool replaces_pages(const Operation &operation);

private:
    Answer choice();

    Model model_{Rules{}};
    std::uint64_t choices_ = 0;
};

} // namespace model
