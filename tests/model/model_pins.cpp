// SPDX-License-Identifier: MIT
// The model's pins: arrays of handles, all or nothing.
#include "model/model.hpp"

#include <algorithm>
#include <cerrno>

namespace model {

int Model::handle_array(const Operation &op, std::vector<Id> &ids) {
    if (!state_.file(op.file))
        return EBADF;
    if (op.variant == Variant::unknown_flag ||
        (op.variant == Variant::longterm && op.kind == Kind::unpin) ||
        op.variant == Variant::empty)
        return EINVAL;
    if (op.variant == Variant::too_many)
        return E2BIG;
    if (op.variant == Variant::bad_address)
        return EFAULT;
    for (const int slot : {op.slot, op.second, op.third})
        if (slot != NO_SLOT) {
            ids.push_back(state_.object_id(op.file, slot));
            if (!ids.back())
                return ENOENT;
        }
    if (op.variant == Variant::many) {
        const std::vector<Id> once = ids;
        for (std::size_t i = 1; i < MANY; ++i)
            ids.insert(ids.end(), once.begin(), once.end());
    }
    return 0;
}

Answer Model::pin(const Operation &op, const Answer &actual) {
    std::vector<Id> ids;
    int error = handle_array(op, ids);
    if (!error)
        error = pin_all(ids, op.variant == Variant::longterm, actual);
    if (error)
        return failed(error);
    for (const Id id : ids)
        ++state_.file(op.file)->pins[id];
    return {};
}

// Adds a pin to each, or to none. Pages that came before an error stay.
int Model::pin_all(const std::vector<Id> &ids, bool longterm,
                   const Answer &actual) {
    const auto holds = [&](auto predicate) {
        return std::ranges::any_of(
            ids, [&](Id id) { return predicate(state_.objects.at(id)); });
    };
    // Whom to believe of those who may be the reason of an error: the surest.
    const bool one_purged = holds([](const Object &o) { return o.purged; });
    const bool one_stays =
        holds([](const Object &o) { return o.pins && o.suspect; });
    int error = 0;
    std::size_t done = 0;
    for (; done < ids.size(); ++done) {
        Object &object = state_.objects.at(ids[done]);
        if (!one_purged && actual.error == ENODATA &&
            state_.may_be_purged(ids[done]))
            purge(ids[done]);
        if (object.purged) {
            error = ENODATA;
            break;
        }
        // Pages that were not chosen for a long pin are replaced first. Those
        // of a pinned buffer cannot be; others may be in use.
        const bool may_be_busy = longterm && object.resident_pages() &&
                                 (object.pins ? object.suspect : !one_stays);
        if (may_be_busy && actual.error == EBUSY) {
            error = EBUSY;
            break;
        }
        if (!object.import) {
            if (longterm || !object.pins)
                object.suspect = !longterm;
            object.populate();
        }
        ++object.pins;
    }
    if (error)
        for (std::size_t i = 0; i < done; ++i)
            --state_.objects.at(ids[i]).pins;
    return error;
}

Answer Model::unpin(const Operation &op) {
    std::vector<Id> ids;
    const int error = handle_array(op, ids);
    if (error)
        return failed(error);
    auto &pins = state_.file(op.file)->pins;
    auto left = pins;
    for (const Id id : ids)
        if (!left[id]--)
            return failed(EINVAL);
    pins = left;
    for (const Id id : ids)
        --state_.objects.at(id).pins;
    return {};
}

} // namespace model
