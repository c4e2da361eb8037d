// SPDX-License-Identifier: MIT
// The model's mappings and what is read and written through them.
#include "model/model.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <csignal>

namespace model {

Answer Model::map(const Operation &op) {
    const File *file = state_.file(op.file);
    if (!file)
        return failed(EBADF);
    const auto pages = static_cast<std::size_t>(op.pages);
    const std::uint64_t offset =
        state_.slots.at(static_cast<std::size_t>(op.slot)).offset +
        (op.variant == Variant::beside ? support::PAGE : 0);
    const Id id = state_.object_at(offset);
    // The offset has to be that of a buffer, and the length not more than its.
    if (!pages || !id || pages > state_.objects.at(id).pages)
        return failed(EINVAL);
    bool allowed = false;
    for (const auto &[handle, object] : file->handles)
        allowed |= object == id;
    if (!allowed)
        return failed(EACCES);
    // A copy would not be the buffer.
    if (op.variant == Variant::private_copy)
        return failed(EINVAL);

    const Object &object = state_.objects.at(id);
    Mapping mapping;
    mapping.pages = pages;
    mapping.writable = op.variant != Variant::read_only;
    if (object.import) {
        mapping.buf = object.import;
    } else {
        mapping.object = id;
        if (rules_.mappings_hold_file)
            mapping.file =
                state_.file_slots.at(static_cast<std::size_t>(op.file));
    }
    state_.maps[op.map] = mapping;
    return {};
}

Answer Model::map_buf(const Operation &op) {
    const Buf *buf = state_.buf(op.buf);
    if (!buf)
        return failed(EBADF);
    const auto pages = static_cast<std::size_t>(op.pages);
    const auto first = static_cast<std::size_t>(op.page);
    const bool shared = op.variant != Variant::private_copy;
    const bool writable = op.variant != Variant::read_only;
    if (!pages)
        return failed(EINVAL);
    if (shared && writable && !buf->writable)
        return failed(EACCES);
    if (first + pages > buf->pages || !shared)
        return failed(EINVAL);

    Mapping mapping;
    mapping.object = buf->object;
    if (!buf->object || rules_.mappings_hold_file)
        mapping.buf = state_.buf_slots.at(static_cast<std::size_t>(op.buf));
    mapping.first = first;
    mapping.pages = pages;
    mapping.writable = writable;
    state_.maps[op.map] = mapping;
    return {};
}

Answer Model::touch(const Operation &op, const Answer &actual) {
    const Mapping &mapping = *state_.mapping(op.map);
    const auto page = static_cast<std::size_t>(op.page);
    if (op.kind == Kind::write && !mapping.writable)
        return killed(SIGSEGV);
    if (mapping.object) {
        Object &object = state_.objects.at(mapping.object);
        if (actual.signal == SIGBUS && state_.may_be_purged(mapping.object))
            purge(mapping.object);
        if (object.purged)
            return killed(SIGBUS);
        if (!object.resident.at(mapping.first + page))
            got_page(object);
        object.touch(mapping.first + page);
    }
    Answer answer;
    std::uint64_t &word = state_.word(mapping, page);
    if (op.kind == Kind::write)
        word = first_word(op.value);
    else
        answer.values["word"] = word;
    return answer;
}

} // namespace model
