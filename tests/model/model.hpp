// SPDX-License-Identifier: MIT
// The driver as it should be, in user space: predicts the answer to each
// operation. Where the driver is free, as in whether a purge has happened, the
// prediction follows its answer if that is one of those allowed.
#pragma once

#include "model/answer.hpp"
#include "model/operation.hpp"
#include "model/state.hpp"

#include <cstdint>
#include <vector>

namespace model {

// What the driver was free to do.
struct Counts {
    std::uint64_t purges = 0;
    // Pages had to be replaced first.
    std::uint64_t long_pins = 0;
    std::uint64_t attaches = 0;
    // Some page was in use: nothing that the model knows was in the way.
    std::uint64_t busy = 0;
    // Something was that the model knows.
    std::uint64_t in_the_way = 0;
    // Pins for which RLIMIT_MEMLOCK was too low.
    std::uint64_t over_limit = 0;
    // Buffers that were opened by their names.
    std::uint64_t names = 0;
};

class Model {
public:
    explicit Model(const Rules &rules) : rules_(rules) {}

    // Nothing is there that the operation could be done on or with, or it is
    // not defined what comes of it.
    [[nodiscard]] bool skips(const Operation &operation);

    // What should have been answered. @actual is looked at for what is free
    // only.
    Answer predict(const Operation &operation, const Answer &actual);

    // As if the shrinker had taken all that it may.
    void purge_all();
    [[nodiscard]] const Counts &counts() const { return counts_; }

private:
    Answer answer(const Operation &operation, const Answer &actual);

    // model.cpp: the ioctls
    Answer create(const Operation &op, const Answer &actual);
    Answer free(const Operation &op);
    Answer offset(const Operation &op);
    Answer madvise(const Operation &op, const Answer &actual);
    Answer query(const Operation &op, const Answer &actual);
    Answer stats(const Operation &op, const Answer &actual);
    Answer shrink(const Answer &actual);
    Answer evacuate(const Operation &op, const Answer &actual);

    // model_pins.cpp
    Answer pin(const Operation &op, const Answer &actual);
    Answer unpin(const Operation &op);
    // The objects of the array, or the error that it is refused with.
    int handle_array(const Operation &op, std::vector<Id> &ids);
    int pin_all(const std::vector<Id> &ids, const std::vector<bool> &became,
                bool longterm, const Answer &actual);
    // Pages that a pin which is limited would add to what its user has.
    [[nodiscard]] std::uint64_t to_charge(const Operation &op,
                                          const std::vector<Id> &ids);
    [[nodiscard]] bool waits_for_fence(const Operation &op);
    // A page that was not there is.
    void got_page(Object &object) const;
    // A long pin of it has to be refused.
    [[nodiscard]] bool must_be_busy(Id id) const;
    // Of a long pin that was refused: who could have been the reason.
    [[nodiscard]] std::vector<std::size_t>
    busy(const std::vector<Id> &ids) const;
    [[nodiscard]] bool replaces(const std::vector<Id> &ids) const;
    void pin_refused(const Operation &op, const Answer &actual, Answer &answer);

    // model_sharing.cpp: dma-bufs and importers
    Answer export_buf(const Operation &op, const Answer &actual);
    static std::uint32_t known_handle(const File &file, Id buf,
                                      const Answer &actual);
    Answer import_buf(const Operation &op, const Answer &actual);
    Answer foreign(const Operation &op, const Answer &actual);
    Answer attach(const Operation &op, const Answer &actual);
    Answer detach(const Operation &op);
    Answer sum(const Operation &op, const Answer &actual);
    Answer sync(const Operation &op);

    // model_names.cpp
    Answer flink(const Operation &op, const Answer &actual);
    Answer open_name(const Operation &op, const Answer &actual);

    // model_maps.cpp
    Answer map(const Operation &op);
    Answer map_buf(const Operation &op);
    Answer touch(const Operation &op, const Answer &actual);

    void purge(Id id);
    // Gives an object to a new handle of the file, and both to the slot.
    void enter_handle(File &file, Id id, int slot, Answer &answer,
                      const Answer &actual);
    Id new_object(std::size_t pages, const Answer &actual);
    std::uint64_t new_inode(const Answer &actual) const;

    Rules rules_;
    State state_;
    Counts counts_;
};

} // namespace model
