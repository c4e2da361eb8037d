// SPDX-License-Identifier: MIT
#include "model/state.hpp"

#include "support/system.hpp"

#include <algorithm>

namespace model {

std::uint64_t Object::resident_pages() const {
    return static_cast<std::uint64_t>(std::ranges::count(resident, true));
}

void Object::populate() {
    resident.assign(pages, true);
    forget_cold();
}

void Object::touch(std::size_t page) {
    resident.at(page) = true;
    if (!may_be_cold.at(page))
        return;
    may_be_cold.at(page) = false;
    // If it was one of those is known only when all of them are.
    least_cold -= least_cold ? 1 : 0;
    const auto left = std::ranges::count(may_be_cold, true);
    most_cold = std::min(most_cold, static_cast<std::uint64_t>(left));
}

void Object::advise_cold() {
    may_be_cold = resident;
    most_cold = resident_pages();
}

void Object::forget_cold() {
    may_be_cold.assign(pages, false);
    least_cold = most_cold = 0;
}

std::uint64_t Object::cold_pages(std::uint64_t said) {
    least_cold = most_cold = std::clamp(said, least_cold, most_cold);
    return most_cold;
}

namespace {

template <typename Map> auto *find(Map &map, Id id) {
    const auto found = map.find(id);
    return found == map.end() ? nullptr : &found->second;
}

template <typename Map> bool any(const Map &map, auto predicate) {
    return std::ranges::any_of(
        map, [&](const auto &entry) { return predicate(entry.second); });
}

template <typename Map> std::vector<Id> ids_of(const Map &map, auto predicate) {
    std::vector<Id> found;
    for (const auto &[id, value] : map)
        if (predicate(id, value))
            found.push_back(id);
    return found;
}

bool has(const auto &array, Id id) {
    return std::ranges::find(array, id) != array.end();
}

} // namespace

File *State::file(int slot) {
    return find(files, file_slots.at(static_cast<std::size_t>(slot)));
}

Buf *State::buf(int slot) {
    return find(bufs, buf_slots.at(static_cast<std::size_t>(slot)));
}

Mapping *State::mapping(int slot) {
    return find(maps, slot);
}

Id State::object_id(int file_slot, int slot) {
    const File *in = file(file_slot);
    if (!in || slot == NO_SLOT)
        return 0;
    const auto handle =
        in->handles.find(slots.at(static_cast<std::size_t>(slot)).handle);
    return handle == in->handles.end() ? 0 : handle->second;
}

Object *State::object(int file_slot, int slot) {
    return find(objects, object_id(file_slot, slot));
}

Id State::object_at(std::uint64_t offset) const {
    for (const auto &[id, object] : objects)
        if (object.offset == offset)
            return id;
    return 0;
}

Id State::object_named(std::uint32_t name) const {
    for (const auto &[id, object] : objects)
        if (name && object.name == name)
            return id;
    return 0;
}

bool State::has_handle(Id object) const {
    return any(files, [&](const File &each) {
        return any(each.handles, [&](Id id) { return id == object; });
    });
}

bool State::exported(Id object) const {
    return any(bufs, [&](const Buf &each) { return each.object == object; });
}

bool State::shared(Id id) const {
    return objects.at(id).name || exported(id);
}

bool State::fenced(Id id) const {
    return std::ranges::any_of(importers, [&](const Importer &each) {
        return each.fence && bufs.at(each.buf).object == id;
    });
}

bool State::held(Id id) const {
    return std::ranges::any_of(importers, [&](const Importer &each) {
        return each.holds && bufs.at(each.buf).object == id;
    });
}

bool State::may_be_held(Id id) const {
    return objects.at(id).cpu_accesses &&
           std::ranges::any_of(importers, [&](const Importer &each) {
               return each.lazy && !each.pins && bufs.at(each.buf).object == id;
           });
}

std::uint64_t State::charged_pages() const {
    std::uint64_t all = 0;
    for (const auto &[id, each] : files)
        for (const auto &[object, pages] : each.charged)
            all += pages;
    return all;
}

bool State::may_be_compressed(Id id) const {
    const Object &object = objects.at(id);
    return !object.import && !object.pins && !object.dontneed &&
           !object.purged && !shared(id);
}

bool State::may_be_purged(Id id) const {
    const Object &object = objects.at(id);
    return object.dontneed && !object.purged && !object.pins &&
           object.resident_pages() && !shared(id);
}

void State::purge(Id id) {
    Object &object = objects.at(id);
    object.purged = true;
    object.leftover = object.resident_pages() - 1;
    object.resident.assign(object.pages, false);
    object.forget_cold();
    std::ranges::fill(object.words, 0U);
}

void State::close_handle(File &in, std::uint32_t handle) {
    const Id id = in.handles.at(handle);
    in.handles.erase(handle);
    in.bufs.erase(handle);
    if (any(in.handles, [&](Id other) { return other == id; }))
        return;
    objects.at(id).pins -= in.pins[id];
    in.pins.erase(id);
    in.charged.erase(id);
}

std::uint64_t &State::word(const Mapping &mapping, std::size_t page) {
    auto &words = mapping.object ? objects.at(mapping.object).words
                                 : bufs.at(mapping.buf).words;
    return words.at(mapping.first + page);
}

bool State::offset_is_free(std::uint64_t offset, std::size_t pages) const {
    return !any(objects, [&](const Object &each) {
        return offset < each.offset + each.pages * support::PAGE &&
               each.offset < offset + pages * support::PAGE;
    });
}

void State::settle() {
    while (drop_files() || drop_bufs() || drop_objects())
        ;
}

// A file goes with its descriptor and the mappings that hold it.
bool State::drop_files() {
    const auto dead = ids_of(files, [&](Id id, const File &each) {
        return !each.open &&
               !any(maps, [&](const Mapping &m) { return m.file == id; });
    });
    for (const Id id : dead) {
        File &each = files.at(id);
        while (!each.handles.empty())
            close_handle(each, each.handles.begin()->first);
        files.erase(id);
    }
    return !dead.empty();
}

bool State::drop_bufs() {
    for (auto &[id, object] : objects)
        if (!has_handle(id))
            object.exported_as = object.name = 0;
    const auto dead = ids_of(bufs, [&](Id id, const Buf &) {
        return !has(buf_slots, id) &&
               std::ranges::find(importers, id, &Importer::buf) ==
                   importers.end() &&
               !any(maps, [&](const Mapping &m) { return m.buf == id; }) &&
               !any(objects, [&](const Object &o) {
                   return o.import == id || o.exported_as == id;
               });
    });
    for (const Id id : dead) {
        // What is left of it are mappings, maybe those of whom it was shared
        // with, and nobody could say any more that it is needed.
        const Id object = bufs.at(id).object;
        if (object && !has_handle(object))
            objects.at(object).dontneed = false;
        bufs.erase(id);
    }
    return !dead.empty();
}

bool State::drop_objects() {
    const auto dead = ids_of(objects, [&](Id id, const Object &) {
        return !has_handle(id) && !exported(id) &&
               !any(maps, [&](const Mapping &m) { return m.object == id; });
    });
    for (const Id id : dead)
        objects.erase(id);
    return !dead.empty();
}

} // namespace model
