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
        (is_longterm(op) && op.kind == Kind::unpin) ||
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

// A long pin, once it has something to replace, waits for whoever uses the
// buffer: for ever here, where nothing else runs.
bool Model::waits_for_fence(const Operation &op) {
    const auto waits = [&](Id id) {
        return id && state_.fenced(id) && !state_.objects.at(id).pins;
    };
    if (op.kind == Kind::attach)
        return waits(state_.buf(op.buf)->object);
    return is_longterm(op) && (waits(state_.object_id(op.file, op.slot)) ||
                               waits(state_.object_id(op.file, op.second)) ||
                               waits(state_.object_id(op.file, op.third)));
}

std::uint64_t Model::to_charge(const Operation &op,
                               const std::vector<Id> &ids) {
    std::uint64_t pages = 0;
    auto pins = state_.file(op.file)->pins;
    for (const Id id : ids)
        if (const Object &object = state_.objects.at(id);
            !pins[id]++ && !object.import)
            pages += object.pages;
    return pages;
}

Answer Model::pin(const Operation &op, const Answer &actual) {
    std::vector<Id> ids;
    int error = handle_array(op, ids);
    if (error)
        return failed(error);
    if (is_limited(op) &&
        state_.charged_pages() + to_charge(op, ids) > LIMIT_PAGES) {
        ++counts_.over_limit;
        return failed(ENOMEM);
    }
    if (actual.error == ENODATA)
        for (const int slot : {op.slot, op.second, op.third})
            if (const Id id = state_.object_id(op.file, slot);
                id && actual.value(purged_name(slot)) &&
                state_.may_be_purged(id))
                purge(id);
    std::vector<bool> became(ids.size());
    for (const int slot : {op.slot, op.second, op.third})
        if (const Id id = state_.object_id(op.file, slot);
            id &&
            actual.value(resident_name(slot)) == state_.objects.at(id).pages)
            for (std::size_t i = 0; i < ids.size(); ++i)
                became[i] = became[i] || ids[i] == id;
    const bool longterm = is_longterm(op);
    const bool replaced = longterm && replaces(ids);
    error = pin_all(ids, became, longterm, actual);
    if (error) {
        Answer answer = failed(error);
        pin_refused(op, actual, answer);
        return answer;
    }
    counts_.long_pins += replaced;
    File &file = *state_.file(op.file);
    for (const Id id : ids)
        if (const Object &object = state_.objects.at(id);
            !file.pins[id]++ && is_limited(op) && !object.import)
            file.charged[id] = object.pages;
    return {};
}

// Says of each buffer what the driver says of it.
void Model::pin_refused(const Operation &op, const Answer &actual,
                        Answer &answer) {
    for (const int slot : {op.slot, op.second, op.third}) {
        const Id id = state_.object_id(op.file, slot);
        if (!id)
            continue;
        if (actual.value(purged_name(slot)) && state_.may_be_purged(id))
            purge(id);
        Object &object = state_.objects.at(id);
        std::uint64_t resident =
            object.import ? object.pages : object.resident_pages();
        if (object.purged)
            resident =
                std::min(actual.value(resident_name(slot)), object.leftover);
        answer.values[purged_name(slot)] = object.purged;
        answer.values[resident_name(slot)] = resident;
        answer.values[cold_name(slot)] =
            object.cold_pages(actual.value(cold_name(slot)));
    }
}

void Model::got_page(Object &object) const {
    object.suspect = rules_.replaced != Replaced::none;
    object.surely_suspect = rules_.replaced == Replaced::all;
}

bool Model::must_be_busy(Id id) const {
    const Object &object = state_.objects.at(id);
    return object.surely_suspect && (object.pins || state_.held(id));
}

// Pages that were not chosen for a long pin are replaced first. Those of a
// pinned buffer cannot be; others may be in use, if only by the batch of a CPU.
std::vector<std::size_t> Model::busy(const std::vector<Id> &ids) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const Object &object = state_.objects.at(ids[i]);
        if (object.purged)
            break;
        const bool first = std::find(ids.begin(), ids.end(), ids[i]) ==
                           ids.begin() + static_cast<std::ptrdiff_t>(i);
        if (!first || !object.resident_pages() ||
            rules_.replaced == Replaced::none ||
            (object.pins && !object.suspect))
            continue;
        found.push_back(i);
        if (must_be_busy(ids[i]))
            break;
    }
    return found;
}

// Whether a long pin that succeeds has replaced pages.
bool Model::replaces(const std::vector<Id> &ids) const {
    return std::ranges::any_of(ids, [&](Id id) {
        const Object &object = state_.objects.at(id);
        return object.resident_pages() && !object.pins;
    });
}

// Adds a pin to each, or to none. Pages that came before an error stay. When
// one was busy nobody knows which; @became says of those that could have been
// whether they are resident now.
int Model::pin_all(const std::vector<Id> &ids, const std::vector<bool> &became,
                   bool longterm, const Answer &actual) {
    if (longterm && actual.error == EBUSY)
        if (const auto reasons = busy(ids); !reasons.empty()) {
            const bool known = std::ranges::any_of(reasons, [&](std::size_t i) {
                return state_.objects.at(ids[i]).pins ||
                       state_.may_be_held(ids[i]);
            });
            ++(known ? counts_.in_the_way : counts_.busy);
            for (std::size_t i = 0; i < reasons.back(); ++i) {
                Object &object = state_.objects.at(ids[i]);
                if (object.import)
                    continue;
                object.surely_suspect = false; // or it failed
                const bool all = object.resident_pages() == object.pages;
                if (i < reasons.front())
                    object.suspect = false;
                if (i < reasons.front() || (became[i] && !all))
                    object.populate();
                else if (all)
                    object.least_cold = 0; // it may have been pinned
            }
            return EBUSY;
        }

    int error = 0;
    std::size_t done = 0;
    for (; done < ids.size(); ++done) {
        Object &object = state_.objects.at(ids[done]);
        if (object.purged) {
            error = ENODATA;
            break;
        }
        if (longterm && must_be_busy(ids[done])) {
            error = EBUSY;
            ++counts_.in_the_way;
            break;
        }
        if (!object.import) {
            if (longterm)
                object.suspect = object.surely_suspect = false;
            else if (object.resident_pages() < object.pages)
                got_page(object);
            else if (!object.pins)
                object.suspect = rules_.replaced != Replaced::none;
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
    for (const Id id : ids) {
        --state_.objects.at(id).pins;
        if (!pins[id])
            state_.file(op.file)->charged.erase(id);
    }
    return {};
}

} // namespace model
