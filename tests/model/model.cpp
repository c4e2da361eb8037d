// SPDX-License-Identifier: MIT
#include "model/model.hpp"

#include "support/system.hpp"

#include <drm/gpumem_drm.h>

#include <algorithm>
#include <cerrno>
#include <string>

using support::PAGE;

namespace model {

bool Model::skips(const Operation &op) {
    const auto at = [](int slot) { return static_cast<std::size_t>(slot); };
    switch (op.kind) {
    case Kind::open:
        return state_.file(op.file);
    case Kind::close:
        return !state_.file(op.file);
    case Kind::unmap:
        return !state_.mapping(op.map);
    case Kind::read:
    case Kind::write: {
        const Mapping *mapping = state_.mapping(op.map);
        return !mapping || at(op.page) >= mapping->pages;
    }
    case Kind::release:
        return !state_.buf(op.buf);
    case Kind::foreign:
        return op.pages == 0;
    case Kind::map_buf: {
        // Exporters do not agree on what a part of a buffer is.
        const Buf *buf = state_.buf(op.buf);
        return buf && !buf->object && op.page;
    }
    case Kind::attach: {
        const Buf *buf = state_.buf(op.buf);
        return !buf || !buf->object ||
               state_.importers.at(at(op.importer)).buf ||
               waits_for_fence(op);
    }
    case Kind::pin:
        return waits_for_fence(op);
    case Kind::detach:
    case Kind::sum:
        return !state_.importers.at(at(op.importer)).buf;
    case Kind::fence: {
        const Importer &importer = state_.importers.at(at(op.importer));
        return !importer.buf || importer.fence;
    }
    case Kind::signal:
        return !state_.importers.at(at(op.importer)).fence;
    default:
        return false;
    }
}

Answer Model::predict(const Operation &op, const Answer &actual) {
    Answer expected = answer(op, actual);
    state_.settle();
    for (auto &[id, object] : state_.objects)
        if (!object.import && !object.pins && object.resident_pages() &&
            !state_.fenced(id) && !state_.held(id))
            object.may_have_moved = true;
    return expected;
}

Answer Model::answer(const Operation &op, const Answer &actual) {
    const auto file_slot = static_cast<std::size_t>(op.file);
    switch (op.kind) {
    case Kind::open:
        state_.files[++state_.last_id].primary = op.variant == Variant::primary;
        state_.file_slots.at(file_slot) = state_.last_id;
        return {};
    case Kind::close:
        state_.file(op.file)->open = false;
        state_.file_slots.at(file_slot) = 0;
        return {};
    case Kind::create:
        return create(op, actual);
    case Kind::free:
        return free(op);
    case Kind::offset:
        return offset(op);
    case Kind::pin:
        return pin(op, actual);
    case Kind::unpin:
        return unpin(op);
    case Kind::madvise:
        return madvise(op, actual);
    case Kind::query:
        return query(op, actual);
    case Kind::stats:
        return stats(op, actual);
    case Kind::map:
        return map(op);
    case Kind::unmap:
        state_.maps.erase(op.map);
        return {};
    case Kind::read:
    case Kind::write:
        return touch(op, actual);
    case Kind::to_buf:
        return export_buf(op, actual);
    case Kind::release:
        state_.buf_slots.at(static_cast<std::size_t>(op.buf)) = 0;
        return {};
    case Kind::import:
        return import_buf(op, actual);
    case Kind::map_buf:
        return map_buf(op);
    case Kind::foreign:
        return foreign(op, actual);
    case Kind::attach:
        return attach(op, actual);
    case Kind::detach:
        return detach(op);
    case Kind::sum:
        return sum(op, actual);
    case Kind::shrink:
        return shrink(actual);
    case Kind::compact:
        return {};
    case Kind::evacuate:
        return evacuate(op, actual);
    case Kind::flink:
        return flink(op, actual);
    case Kind::open_name:
        return open_name(op, actual);
    case Kind::sync:
        return sync(op);
    case Kind::fence:
    case Kind::signal:
        state_.importers.at(static_cast<std::size_t>(op.importer)).fence =
            op.kind == Kind::fence;
        return {};
    }
    return {};
}

void Model::purge(Id id) {
    state_.purge(id);
    ++counts_.purges;
}

void Model::purge_all() {
    for (const auto &[id, object] : state_.objects)
        if (state_.may_be_purged(id))
            purge(id);
}

Id Model::new_object(std::size_t pages, const Answer &actual) {
    // The kernel chooses, but no two objects get the same.
    const std::uint64_t offset = actual.value("offset");
    const bool good =
        offset && offset % PAGE == 0 && state_.offset_is_free(offset, pages);
    Object &object = state_.objects[++state_.last_id];
    object.pages = pages;
    object.words.resize(pages);
    object.resident.resize(pages);
    object.may_be_cold.resize(pages);
    object.offset = good ? offset : 0;
    return state_.last_id;
}

void Model::enter_handle(File &file, Id id, int slot, Answer &answer,
                         const Answer &actual) {
    auto handle = static_cast<std::uint32_t>(actual.value("handle"));
    if (!handle || file.handles.contains(handle))
        for (handle = 1; file.handles.contains(handle);)
            ++handle;
    file.handles[handle] = id;
    const std::uint64_t offset = state_.objects.at(id).offset;
    state_.slots.at(static_cast<std::size_t>(slot)) = {handle, offset};
    answer.values["handle"] = handle;
    answer.values["offset"] = offset;
}

Answer Model::create(const Operation &op, const Answer &actual) {
    File *file = state_.file(op.file);
    if (!file)
        return failed(EBADF);
    if (op.variant == Variant::unknown_flag ||
        op.variant == Variant::dirty_field || op.variant == Variant::overflow)
        return failed(EINVAL);
    if (op.variant == Variant::huge)
        return failed(ENOMEM);
    const auto pages = static_cast<std::size_t>(op.pages);
    if (!pages)
        return failed(EINVAL);
    Answer answer;
    enter_handle(*file, new_object(pages, actual), op.slot, answer, actual);
    answer.values["size"] = pages * PAGE;
    return answer;
}

Answer Model::free(const Operation &op) {
    File *file = state_.file(op.file);
    if (!file)
        return failed(EBADF);
    if (!state_.object_id(op.file, op.slot))
        return failed(EINVAL);
    state_.close_handle(
        *file, state_.slots.at(static_cast<std::size_t>(op.slot)).handle);
    return {};
}

Answer Model::offset(const Operation &op) {
    if (!state_.file(op.file))
        return failed(EBADF);
    if (op.variant == Variant::unknown_flag ||
        op.variant == Variant::dirty_field)
        return failed(EINVAL);
    const Object *object = state_.object(op.file, op.slot);
    if (!object)
        return failed(ENOENT);
    Answer answer;
    answer.values["offset"] = object->offset;
    return answer;
}

Answer Model::madvise(const Operation &op, const Answer &actual) {
    if (!state_.file(op.file))
        return failed(EBADF);
    if (op.variant == Variant::dirty_field ||
        op.variant == Variant::dirty_pad || op.advice > GPUMEM_MADV_COLD)
        return failed(EINVAL);
    Object *object = state_.object(op.file, op.slot);
    if (!object)
        return failed(ENOENT);
    if (object->import)
        return failed(EOPNOTSUPP);
    const Id id = state_.object_id(op.file, op.slot);
    if (state_.may_be_purged(id) && !actual.error && !actual.value("retained"))
        purge(id);
    Answer answer;
    answer.values["retained"] = !object->purged;
    object->dontneed = op.advice == GPUMEM_MADV_DONTNEED;
    if (!object->dontneed)
        object->purged = false; // and reads as zeros
    if (op.advice == GPUMEM_MADV_COLD) {
        if (state_.may_be_compressed(id))
            object->advise_cold();
        answer.values["cold"] = object->cold_pages(actual.value("cold"));
    }
    return answer;
}

Answer Model::query(const Operation &op, const Answer &actual) {
    if (!state_.file(op.file))
        return failed(EBADF);
    if (op.variant == Variant::dirty_field)
        return failed(EINVAL);
    const Id id = state_.object_id(op.file, op.slot);
    if (!id)
        return failed(ENOENT);
    Object &object = state_.objects.at(id);
    if (actual.value("flags") & GPUMEM_QUERY_PURGED && state_.may_be_purged(id))
        purge(id);

    Answer answer;
    std::uint64_t flags = 0;
    std::uint64_t resident = object.resident_pages();
    if (object.import) {
        flags |= GPUMEM_QUERY_IMPORTED;
        resident = object.pages;
    } else if (rules_.movable) {
        flags |= GPUMEM_QUERY_MOVABLE;
    }
    if (object.dontneed)
        flags |= GPUMEM_QUERY_DONTNEED;
    if (object.purged) {
        flags |= GPUMEM_QUERY_PURGED;
        // Some pages may have been in use when the others went.
        resident = std::min(actual.value("resident"), object.leftover);
        object.leftover = resident;
    }
    if (object.may_have_moved && actual.value("moved") > object.moved)
        object.moved = actual.value("moved");
    object.may_have_moved = false;
    answer.values = {{"flags", flags},
                     {"size", object.pages * PAGE},
                     {"resident", resident},
                     {"cold", object.cold_pages(actual.value("cold"))},
                     {"pins", object.pins},
                     {"file_pins", state_.file(op.file)->pins[id]},
                     {"moved", object.moved}};
    return answer;
}

Answer Model::stats(const Operation &op, const Answer &actual) {
    if (!state_.file(op.file))
        return failed(EBADF);
    if (op.variant == Variant::dirty_field)
        return failed(EINVAL);
    std::uint64_t bytes = 0, pinned = 0, least = 0, most = 0;
    std::uint64_t least_cold = 0, most_cold = 0;
    for (const auto &[id, object] : state_.objects) {
        bytes += object.pages * PAGE;
        pinned += object.pins ? 1 : 0;
        least += state_.may_be_purged(id) ? 0 : object.resident_pages();
        most += object.resident_pages() + (object.purged ? object.leftover : 0);
        least_cold += state_.may_be_purged(id) ? 0 : object.least_cold;
        most_cold += object.most_cold;
    }
    Answer answer;
    answer.values = {
        {"objects", state_.objects.size()},
        {"bytes", bytes},
        {"pinned", pinned},
        {"resident", std::clamp(actual.value("resident"), least, most)},
        {"cold", std::clamp(actual.value("cold"), least_cold, most_cold)}};
    return answer;
}

Answer Model::shrink(const Answer &actual) {
    // The driver says of each handle that it can name whether it was purged.
    Answer answer;
    for (std::size_t file = 0; file < FILES; ++file)
        for (std::size_t slot = 0; slot < SLOTS; ++slot) {
            const Id id = state_.object_id(static_cast<int>(file),
                                           static_cast<int>(slot));
            if (!id)
                continue;
            const std::string name =
                "purged_" + std::to_string(file) + "_" + std::to_string(slot);
            if (actual.value(name) && state_.may_be_purged(id))
                purge(id);
            answer.values[name] = state_.objects.at(id).purged;
        }
    return answer;
}

Answer Model::evacuate(const Operation &op, const Answer &actual) {
    if (!state_.file(op.file))
        return failed(EBADF);
    if (op.variant == Variant::unprivileged)
        return failed(EACCES);
    std::uint64_t pages = static_cast<std::uint64_t>(op.pages);
    if (op.variant == Variant::many)
        pages = GPUMEM_COMPACT_MAX_PAGES;
    if (!pages || op.variant == Variant::unknown_flag ||
        op.variant == Variant::dirty_field || op.variant == Variant::too_many ||
        op.variant == Variant::huge)
        return failed(EINVAL);
    // What moves is the driver's choice, if anything, but not more than the
    // budget, and nothing that it has not looked at.
    const std::uint64_t moved =
        std::min(actual.value("moved"), rules_.movable ? pages : 0);
    Answer answer;
    answer.values = {{"done", actual.value("done") != 0},
                     {"moved", moved},
                     {"freed", std::min(actual.value("freed"), moved)},
                     {"scanned", std::max(actual.value("scanned"), moved)}};
    return answer;
}

} // namespace model
