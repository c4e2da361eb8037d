// SPDX-License-Identifier: MIT
#include "fake_driver.hpp"

#include <drm/gpumem_drm.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

namespace model {

Answer FakeDriver::run(const Operation &operation) {
    Answer answer;
    if (refuses(operation, answer))
        return answer;
    answer = inner_.run(operation);

    if (bug_ == Bug::wrong_errno && operation.kind == Kind::pin &&
        answer.error == ENOENT)
        answer.error = EINVAL;
    if (bug_ == Bug::unpins_a_part && operation.kind == Kind::unpin &&
        answer.error == ENOENT) {
        Operation part = operation;
        part.second = part.third = NO_SLOT;
        inner_.run(part);
    }
    if (bug_ == Bug::keeps_what_it_took) {
        if (operation.kind == Kind::madvise && operation.advice == 0 &&
            !answer.error && !answer.value("retained"))
            brought_back_ = true;
        if (operation.kind == Kind::read && brought_back_ &&
            answer.values.contains("word") && !answer.value("word"))
            answer.values["word"] = first_word(1);
    }
    if (bug_ == Bug::ignores_the_budget && operation.kind == Kind::evacuate &&
        !answer.error && operation.pages)
        answer.values["moved"] = answer.values["scanned"] =
            static_cast<std::uint64_t>(operation.pages) + 1;
    const bool longterm =
        operation.kind == Kind::pin && is_longterm(operation);
    if (bug_ == Bug::pins_for_long && longterm && answer.error == EBUSY)
        answer = {};
    if (bug_ == Bug::always_busy && longterm && !answer.error)
        answer = failed(EBUSY);
    if (bug_ == Bug::ignores_the_limit && is_limited(operation) &&
        answer.error == ENOMEM)
        answer = {};
    if (bug_ == Bug::syncs_nothing && operation.kind == Kind::sync &&
        answer.error == EINVAL && operation.variant == Variant::plain)
        answer = {};
    fenced_ |= operation.kind == Kind::fence;
    if (bug_ == Bug::moves_fenced && fenced_ && operation.kind == Kind::query &&
        !answer.error)
        answer.values["moved"] += ++moved_;
    tell_names(operation, answer);
    tell_cold(operation, answer);
    return answer;
}

// As if nobody but who gave the advice could have the buffer.
void FakeDriver::tell_names(const Operation &operation, Answer &answer) {
    if (operation.kind == Kind::flink && !answer.error)
        named_.push_back(operation);
    if (bug_ == Bug::keeps_names && operation.kind == Kind::open_name &&
        answer.error == ENOENT && !named_.empty())
        answer = {.error = 0,
                  .signal = 0,
                  .values = {{"handle", 1}, {"offset", 4096}, {"size", 4096}}};
    for (const Operation &each : named_) {
        const Answer now = query(each.file, each.slot);
        const bool unused =
            !now.error && now.value("resident") && !now.value("pins");
        const std::string name = "purged_" + std::to_string(each.file) + "_" +
                                 std::to_string(each.slot);
        if (bug_ == Bug::takes_named && operation.kind == Kind::shrink &&
            unused && now.value("flags") & GPUMEM_QUERY_DONTNEED)
            answer.values[name] = 1;
        if (bug_ == Bug::compresses_named && operation.kind == Kind::madvise &&
            operation.advice == GPUMEM_MADV_COLD && unused &&
            operation.file == each.file && operation.slot == each.slot)
            answer.values["cold"] = 1;
    }
}

Answer FakeDriver::query(int file, int slot) {
    Operation query;
    query.kind = Kind::query;
    query.file = file;
    query.slot = slot;
    return inner_.run(query);
}

// As if a page of the first buffer that has some was in use. The buffers before
// it become resident.
bool FakeDriver::refuses(const Operation &operation, Answer &answer) {
    if (bug_ != Bug::refuses_long_pins || operation.kind != Kind::pin ||
        !is_longterm(operation) || !inner_.makes_sense(operation))
        return false;
    if (const int error = inner_.error(operation); error && error != ENODATA)
        return false;
    std::vector<int> slots{operation.slot, operation.second, operation.third};
    std::erase(slots, NO_SLOT);
    const auto first = std::ranges::find_if(slots, [&](int slot) {
        const Answer now = query(operation.file, slot);
        return now.value("flags") & GPUMEM_QUERY_PURGED ||
               (now.value("resident") && !now.value("pins") &&
                !(now.value("flags") & GPUMEM_QUERY_IMPORTED));
    });
    if (first == slots.end() ||
        query(operation.file, *first).value("flags") & GPUMEM_QUERY_PURGED)
        return false;

    Operation pin = operation;
    pin.second = pin.third = NO_SLOT;
    for (auto before = slots.begin(); before != first; ++before) {
        pin.slot = *before;
        pin.kind = Kind::pin;
        pin.variant = Variant::longterm;
        inner_.run(pin);
        pin.kind = Kind::unpin;
        pin.variant = Variant::plain;
        inner_.run(pin);
    }
    answer.error = EBUSY;
    for (const int slot : slots) {
        const Answer now = query(operation.file, slot);
        answer.values[purged_name(slot)] =
            (now.value("flags") & GPUMEM_QUERY_PURGED) != 0;
        answer.values[resident_name(slot)] = now.value("resident");
        answer.values[cold_name(slot)] = now.value("cold");
    }
    return true;
}

void FakeDriver::tell_cold(const Operation &operation, Answer &answer) {
    if (bug_ == Bug::never_compresses)
        for (auto &[name, value] : answer.values)
            if (name.starts_with("cold"))
                value = 0;
    const bool advice = operation.kind == Kind::madvise && !answer.error &&
                        answer.values.contains("cold");
    if (bug_ == Bug::compresses_pinned && advice) {
        const Answer now = query(operation.file, operation.slot);
        if (now.value("pins") && now.value("resident"))
            answer.values["cold"] = 1;
    }
    if (bug_ != Bug::counts_restored)
        return;
    if (advice) {
        advised_ = operation;
        cold_ = answer.value("cold");
    } else if (operation.kind == Kind::query && !answer.error &&
               operation.file == advised_.file &&
               operation.slot == advised_.slot) {
        answer.values["cold"] = cold_;
    }
}

} // namespace model
