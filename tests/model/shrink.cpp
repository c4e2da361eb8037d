// SPDX-License-Identifier: MIT
#include "model/shrink.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace model {
namespace {

using Predicate = std::function<bool(const Sequence &)>;
using Member = int Operation::*;
constexpr int LAST_PLACE = static_cast<int>(SLOTS) - 1;

bool accept(Sequence &sequence, Sequence changed, const Predicate &fails) {
    if (!fails(changed))
        return false;
    sequence = std::move(changed);
    return true;
}

Sequence without(const Sequence &sequence, std::size_t first,
                 std::size_t count) {
    Sequence rest(sequence.begin(),
                  sequence.begin() + static_cast<std::ptrdiff_t>(first));
    rest.insert(rest.end(),
                sequence.begin() + static_cast<std::ptrdiff_t>(std::min(
                                       first + count, sequence.size())),
                sequence.end());
    return rest;
}

// Leaves out chunks, from half of the sequence down to single operations.
bool remove_chunks(Sequence &sequence, const Predicate &fails) {
    bool any = false;
    for (std::size_t chunk = std::max<std::size_t>(sequence.size() / 2, 1);;
         chunk /= 2) {
        // From behind: what comes later needs what came before.
        for (std::size_t end = sequence.size(); end > 0;) {
            const std::size_t first = end > chunk ? end - chunk : 0;
            any |=
                accept(sequence, without(sequence, first, end - first), fails);
            end = first;
        }
        if (chunk == 1)
            return any;
    }
}

bool plainer(Sequence &sequence, std::size_t at, const Predicate &fails) {
    Sequence changed = sequence;
    changed[at].variant = Variant::plain;
    return changed != sequence && accept(sequence, changed, fails);
}

// A number of one operation, or the same number wherever it stands: the size of
// a buffer and that of its mapping.
bool lower(Sequence &sequence, std::size_t at, const Field &field,
           const Predicate &fails) {
    const int value = sequence[at].*field.member;
    for (const int less : {field.min, value / 2, value - 1}) {
        if (less >= value || less < field.min)
            continue;
        Sequence changed = sequence;
        changed[at].*field.member = less;
        if (accept(sequence, changed, fails))
            return true;
        for (Operation &operation : changed)
            if (operation.*field.member == value)
                operation.*field.member = less;
        if (accept(sequence, changed, fails))
            return true;
    }
    return false;
}

bool lower_numbers(Sequence &sequence, const Predicate &fails) {
    bool any = false;
    for (std::size_t at = 0; at < sequence.size(); ++at) {
        any |= plainer(sequence, at, fails);
        for (const Field &field : info(sequence[at].kind).fields)
            while (lower(sequence, at, field, fails))
                any = true;
    }
    return any;
}

// Places have numbers for names: exchanges two of a kind in all operations.
Sequence renamed(Sequence sequence, std::span<const Member> kind, int a,
                 int b) {
    for (Operation &operation : sequence)
        for (const Member member : kind)
            if (int &value = operation.*member; value == a || value == b)
                value = value == a ? b : a;
    return sequence;
}

std::size_t uses(const Sequence &sequence, std::span<const Member> kind,
                 int value) {
    std::size_t count = 0;
    for (const Operation &operation : sequence)
        for (const Field &field : info(operation.kind).fields)
            count += std::ranges::find(kind, field.member) != kind.end() &&
                     operation.*field.member == value;
    return count;
}

// What is used most gets the lowest numbers.
void rename_places(Sequence &sequence, const Predicate &fails) {
    static const std::array SLOT_FIELDS{&Operation::slot, &Operation::second,
                                        &Operation::third};
    static const std::array FILE_FIELD{&Operation::file};
    static const std::array MAP_FIELD{&Operation::map};
    static const std::array BUF_FIELD{&Operation::buf};
    static const std::array IMPORTER_FIELD{&Operation::importer};
    static const std::array NAME_FIELD{&Operation::name};
    for (const std::span<const Member> kind :
         {std::span<const Member>(SLOT_FIELDS),
          std::span<const Member>(FILE_FIELD),
          std::span<const Member>(MAP_FIELD),
          std::span<const Member>(BUF_FIELD),
          std::span<const Member>(IMPORTER_FIELD),
          std::span<const Member>(NAME_FIELD)})
        for (int low = 0; low < LAST_PLACE; ++low)
            for (int high = low + 1; high <= LAST_PLACE; ++high) {
                if (uses(sequence, kind, high) <= uses(sequence, kind, low))
                    continue;
                accept(sequence, renamed(sequence, kind, low, high), fails);
            }
}

} // namespace

Sequence shrink(Sequence failing, const Predicate &predicate,
                std::size_t tries) {
    const Predicate fails = [&](const Sequence &candidate) {
        return tries && tries-- && predicate(candidate);
    };
    remove_chunks(failing, fails);
    rename_places(failing, fails);
    while (lower_numbers(failing, fails) && remove_chunks(failing, fails))
        rename_places(failing, fails);
    return failing;
}

} // namespace model
