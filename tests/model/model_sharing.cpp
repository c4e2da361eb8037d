// SPDX-License-Identifier: MIT
// The model's dma-bufs: exports, imports and importers.
#include "model/model.hpp"

#include <cerrno>
#include <linux/dma-buf.h>
#include <numeric>

namespace model {

std::uint64_t Model::new_inode(const Answer &actual) const {
    // Any, but no two dma-bufs have the same.
    const std::uint64_t inode = actual.value("inode");
    for (const auto &[id, buf] : state_.bufs)
        if (buf.inode == inode)
            return 0;
    return inode;
}

Answer Model::export_buf(const Operation &op, const Answer &actual) {
    File *file = state_.file(op.file);
    if (!file)
        return failed(EBADF);
    if (op.variant == Variant::unknown_flag)
        return failed(EINVAL);
    const Id object_id = state_.object_id(op.file, op.slot);
    if (!object_id)
        return failed(ENOENT);
    Object &object = state_.objects.at(object_id);
    // There is one dma-buf of a buffer for as long as it has handles.
    Id id = object.import ? object.import : object.exported_as;
    if (!id) {
        if (actual.error == ENODATA && state_.may_be_purged(object_id))
            purge(object_id);
        if (object.purged)
            return failed(ENODATA);
        const std::uint64_t inode = new_inode(actual);
        id = ++state_.last_id;
        state_.bufs[id] = {.object = object_id,
                           .pages = object.pages,
                           .words = {},
                           .writable = op.variant != Variant::read_only,
                           .inode = inode};
        object.exported_as = id;
    }
    file->bufs[state_.slots.at(static_cast<std::size_t>(op.slot)).handle] = id;
    state_.buf_slots.at(static_cast<std::size_t>(op.buf)) = id;
    Answer answer;
    answer.values["inode"] = state_.bufs.at(id).inode;
    return answer;
}

// By which the file knows a dma-buf; any, if it has more than one of the
// buffer.
std::uint32_t Model::known_handle(const File &file, Id buf,
                                  const Answer &actual) {
    std::uint32_t found = 0;
    for (const auto &[handle, known] : file.bufs)
        if (known == buf && (!found || handle == actual.value("handle")))
            found = handle;
    return found;
}

Answer Model::import_buf(const Operation &op, const Answer &actual) {
    File *file = state_.file(op.file);
    if (!file)
        return failed(EBADF);
    if (op.variant == Variant::no_dmabuf)
        return failed(EINVAL);
    const Buf *buf = state_.buf(op.buf);
    if (!buf)
        return failed(EBADF);
    const Id buf_id = state_.buf_slots.at(static_cast<std::size_t>(op.buf));
    Answer answer;
    if (const std::uint32_t handle = known_handle(*file, buf_id, actual)) {
        const std::uint64_t offset =
            state_.objects.at(file->handles.at(handle)).offset;
        state_.slots.at(static_cast<std::size_t>(op.slot)) = {handle, offset};
        answer.values = {{"handle", handle}, {"offset", offset}};
        return answer;
    }
    Id id = buf->object;
    if (!id) {
        id = new_object(buf->pages, actual);
        state_.objects.at(id).import = buf_id;
    }
    state_.objects.at(id).exported_as = buf_id;
    enter_handle(*file, id, op.slot, answer, actual);
    file->bufs[static_cast<std::uint32_t>(answer.values["handle"])] = buf_id;
    return answer;
}

Answer Model::foreign(const Operation &op, const Answer &actual) {
    const auto pages = static_cast<std::size_t>(op.pages);
    const std::uint64_t inode = new_inode(actual);
    const Id id = ++state_.last_id;
    state_.bufs[id] = {.object = 0,
                       .pages = pages,
                       .words = std::vector<std::uint64_t>(pages),
                       .writable = true,
                       .inode = inode};
    state_.buf_slots.at(static_cast<std::size_t>(op.buf)) = id;
    Answer answer;
    answer.values["inode"] = inode;
    return answer;
}

Answer Model::attach(const Operation &op, const Answer &actual) {
    const bool told =
        op.variant == Variant::told || op.variant == Variant::lazy;
    const bool pins = !told || rules_.core_pins;
    // A dma-buf's pin is a long one, but has no word for a page in use.
    Answer pinned = actual;
    if (pinned.error == ENOMEM)
        pinned.error = EBUSY;
    const Id object = state_.buf(op.buf)->object;
    const bool replaced = pins && replaces({object});
    const int error = pin_all({object}, {false}, pins, pinned);
    if (error)
        return failed(error == EBUSY ? ENOMEM : error);
    counts_.attaches += replaced;
    // Who can be told has the pages until somebody wants to move one.
    if (!pins)
        --state_.objects.at(object).pins;
    state_.importers.at(static_cast<std::size_t>(op.importer)) = {
        .buf = state_.buf_slots.at(static_cast<std::size_t>(op.buf)),
        .pins = pins,
        .lazy = op.variant == Variant::lazy,
        .fence = false,
        .holds = !pins && op.variant == Variant::lazy &&
                 state_.objects.at(object).cpu_accesses != 0};
    return {};
}

Answer Model::detach(const Operation &op) {
    Importer &importer =
        state_.importers.at(static_cast<std::size_t>(op.importer));
    if (importer.pins)
        --state_.objects.at(state_.bufs.at(importer.buf).object).pins;
    importer = {};
    return {};
}

// Who has begun an access may have written what a device does not see yet.
Answer Model::sync(const Operation &op) {
    const Buf *buf = state_.buf(op.buf);
    if (!buf)
        return failed(EBADF);
    if (op.variant == Variant::unknown_flag || !(op.flags & DMA_BUF_SYNC_RW))
        return failed(EINVAL);
    if (!buf->object)
        return {};
    std::uint64_t &accesses = state_.objects.at(buf->object).cpu_accesses;
    if (!(op.flags & DMA_BUF_SYNC_END))
        ++accesses;
    else if (accesses)
        --accesses;
    for (Importer &importer : state_.importers)
        if (importer.buf && !accesses &&
            state_.bufs.at(importer.buf).object == buf->object)
            importer.holds = false;
    return {};
}

Answer Model::sum(const Operation &op, const Answer &actual) {
    const Importer &importer =
        state_.importers.at(static_cast<std::size_t>(op.importer));
    const Object &object =
        state_.objects.at(state_.bufs.at(importer.buf).object);
    Answer answer;
    // Whether it was told is the driver's business.
    const bool let_go =
        !importer.pins && !importer.lazy && !actual.value("mapped");
    const bool stale =
        !importer.pins && importer.lazy && !actual.values.contains("sum");
    answer.values["mapped"] = !let_go;
    if (let_go)
        answer.values["sum"] = 0;
    if (let_go || stale)
        return answer;
    answer.values["sum"] = std::accumulate(
        object.words.begin(), object.words.end(), std::uint64_t{0});
    return answer;
}

} // namespace model
