// SPDX-License-Identifier: MIT
#include "fake_driver.hpp"

#include <cerrno>

namespace model {

Answer FakeDriver::run(const Operation &operation) {
    Answer answer = inner_.run(operation);

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
    tell_cold(operation, answer);
    return answer;
}

void FakeDriver::tell_cold(const Operation &operation, Answer &answer) {
    if (bug_ == Bug::never_compresses)
        for (auto &[name, value] : answer.values)
            if (name.starts_with("cold"))
                value = 0;
    const bool advice = operation.kind == Kind::madvise && !answer.error &&
                        answer.values.contains("cold");
    if (bug_ == Bug::compresses_pinned && advice) {
        Operation query = operation;
        query.kind = Kind::query;
        const Answer now = inner_.run(query);
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
