// SPDX-License-Identifier: MIT
// The model's names: a buffer has one for as long as there are handles of it,
// and whoever knows it may open the buffer. Only the primary node has them.
#include "model/model.hpp"

#include "support/system.hpp"

#include <cerrno>

namespace model {

Answer Model::flink(const Operation &op, const Answer &actual) {
    const File *file = state_.file(op.file);
    if (!file)
        return failed(EBADF);
    if (!file->primary)
        return failed(EACCES);
    const Id id = state_.object_id(op.file, op.slot);
    if (!id)
        return failed(ENOENT);
    // It says so too, as from now on nothing is taken.
    if (actual.value("purged") && state_.may_be_purged(id))
        purge(id);
    Object &object = state_.objects.at(id);
    if (!object.name) {
        // Any, but no two have the same.
        auto name = static_cast<std::uint32_t>(actual.value("name"));
        if (!name || state_.object_named(name))
            for (name = 1; state_.object_named(name);)
                ++name;
        object.name = name;
    }
    state_.names.at(static_cast<std::size_t>(op.name)) = object.name;
    Answer answer;
    answer.values = {{"name", object.name}, {"purged", object.purged}};
    return answer;
}

Answer Model::open_name(const Operation &op, const Answer &actual) {
    File *file = state_.file(op.file);
    if (!file)
        return failed(EBADF);
    if (!file->primary)
        return failed(EACCES);
    const Id id =
        state_.object_named(state_.names.at(static_cast<std::size_t>(op.name)));
    if (!id)
        return failed(ENOENT);
    // A new one, however many the file has.
    Answer answer;
    enter_handle(*file, id, op.slot, answer, actual);
    answer.values["size"] = state_.objects.at(id).pages * support::PAGE;
    ++counts_.names;
    return answer;
}

} // namespace model
