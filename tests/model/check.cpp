// SPDX-License-Identifier: MIT
#include "model/check.hpp"

#include "model/model.hpp"

#include <fmt/format.h>

namespace model {
namespace {

template <typename Set>
void each(Sequence &to, Kind kind, std::size_t count, Set set) {
    for (std::size_t i = 0; i < count; ++i) {
        Operation operation;
        operation.kind = kind;
        set(operation, static_cast<int>(i));
        to.push_back(operation);
    }
}

// Looks at all that can be named, closes it, and asks what is left.
Sequence epilogue() {
    const auto file = [](Operation &op, int i) { op.file = i; };
    const auto buf = [](Operation &op, int i) { op.buf = i; };
    const auto importer = [](Operation &op, int i) { op.importer = i; };
    const auto map = [](Operation &op, int i) { op.map = i; };
    Sequence all;
    each(all, Kind::sum, IMPORTERS, importer);
    each(all, Kind::stats, 1, file);
    each(all, Kind::query, FILES * SLOTS, [](Operation &op, int i) {
        op.file = i % static_cast<int>(FILES);
        op.slot = i / static_cast<int>(FILES);
    });
    each(all, Kind::read, MAPS * MAX_PAGES, [](Operation &op, int i) {
        op.map = i / MAX_PAGES;
        op.page = i % MAX_PAGES;
    });
    each(all, Kind::detach, IMPORTERS, importer);
    each(all, Kind::release, BUFS, buf);
    each(all, Kind::stats, 1, file);
    each(all, Kind::close, FILES, file);
    each(all, Kind::open, 1,
         [](Operation &op, int) { op.variant = Variant::primary; });
    each(all, Kind::stats, 1, file);
    each(all, Kind::unmap, MAPS, map);
    each(all, Kind::stats, 1, file);
    each(all, Kind::open_name, NAMES,
         [](Operation &op, int i) { op.name = i; });
    each(all, Kind::close, 1, file);
    return all;
}

std::uint64_t pages_compared(const Operation &operation, const Answer &answer) {
    return operation.kind == Kind::read && answer.values.contains("word");
}

std::uint64_t pages_compressed(const Operation &operation,
                               const Answer &answer) {
    return operation.kind == Kind::madvise ? answer.value("cold") : 0;
}

std::uint64_t pages_moved(const Operation &operation, const Answer &answer) {
    return operation.kind == Kind::evacuate ? answer.value("moved") : 0;
}

} // namespace

Outcome &Outcome::operator+=(const Outcome &other) {
    disagreement = other.disagreement;
    done = other.done;
    operations += other.operations;
    skipped += other.skipped;
    refused += other.refused;
    pages += other.pages;
    purges += other.purges;
    cold += other.cold;
    moved += other.moved;
    long_pins += other.long_pins;
    attaches += other.attaches;
    busy += other.busy;
    in_the_way += other.in_the_way;
    over_limit += other.over_limit;
    names += other.names;
    return *this;
}

std::string what_lacks(const Outcome &all, const Rules &rules) {
    if (!all.refused)
        return "an error";
    if (!all.pages)
        return "a page to compare";
    if (!all.purges)
        return "a purge";
    if (!all.cold)
        return "a cold page";
    if (!all.moved && rules.movable)
        return "a page that the driver's compaction moves";
    if (!all.long_pins)
        return "a long pin of resident pages";
    if (!all.attaches)
        return "an importer's pin of resident pages";
    if (!all.in_the_way && rules.replaced == Replaced::all)
        return "a long pin that a short one is in the way of";
    if (all.busy * PINS_PER_BUSY > all.long_pins + all.attaches)
        return "enough of these pins for the refusals";
    if (!all.over_limit)
        return "a pin over the limit";
    if (!all.names)
        return "a buffer opened by its name";
    return "";
}

Outcome check(const Sequence &sequence, Subject &subject, const Rules &rules,
              const std::function<void(const Operation &)> &before) {
    Model model(rules);
    Outcome outcome;
    Sequence all = sequence;
    const Sequence end = epilogue();
    all.insert(all.end(), end.begin(), end.end());
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (model.skips(all[i])) {
            outcome.skipped += i < sequence.size();
            continue;
        }
        if (before)
            before(all[i]);
        const Answer actual = subject.run(all[i]);
        const Answer expected = model.predict(all[i], actual);
        outcome.done.emplace_back(all[i], actual);
        ++outcome.operations;
        outcome.refused += actual.error != 0;
        outcome.pages += pages_compared(all[i], actual);
        outcome.cold += pages_compressed(all[i], actual);
        outcome.moved += pages_moved(all[i], actual);
        if (actual != expected) {
            outcome.disagreement = {.step = i + 1,
                                    .operation = all[i],
                                    .expected = expected,
                                    .actual = actual};
            break;
        }
    }
    outcome.purges = model.counts().purges;
    outcome.long_pins = model.counts().long_pins;
    outcome.attaches = model.counts().attaches;
    outcome.busy = model.counts().busy;
    outcome.in_the_way = model.counts().in_the_way;
    outcome.over_limit = model.counts().over_limit;
    outcome.names = model.counts().names;
    return outcome;
}

std::string to_text(const Disagreement &disagreement) {
    return fmt::format("step {}: {}\n  model:  {}\n  driver: {}\n",
                       disagreement.step, to_text(disagreement.operation),
                       to_text(disagreement.expected),
                       to_text(disagreement.actual));
}

} // namespace model
