// SPDX-License-Identifier: MIT
#include "model/random.hpp"

#include "model/model_driver.hpp"

#include <algorithm>
#include <vector>

namespace model {
namespace {

// Candidates for an operation that makes sense.
constexpr int TRIES = 40;

// Not a distribution of the library: those differ between libraries, and a seed
// should name the same sequence everywhere.
std::size_t below(std::mt19937_64 &random, std::size_t bound) {
    return random() % bound;
}

Kind random_kind(std::mt19937_64 &random) {
    static const std::vector<Kind> weighted = [] {
        std::vector<Kind> all;
        for (std::size_t i = 0; i < KINDS; ++i)
            all.insert(all.end(), info(static_cast<Kind>(i)).weight,
                       static_cast<Kind>(i));
        return all;
    }();
    return weighted[below(random, weighted.size())];
}

int random_number(std::mt19937_64 &random, const Field &field) {
    if (field.min < 0 && below(random, 2))
        return field.min;
    const auto range = static_cast<std::size_t>(field.max) + 1;
    const std::size_t number = below(random, range);
    // Low places more often, so that operations meet.
    const bool place = range <= SLOTS;
    return static_cast<int>(place ? std::min(number, below(random, range))
                                  : number);
}

Operation random_operation(std::mt19937_64 &random, Kind kind) {
    Operation operation;
    operation.kind = kind;
    for (const Field &field : info(kind).fields)
        operation.*field.member = random_number(random, field);
    const auto &variants = info(kind).variants;
    if (!variants.empty() && below(random, info(kind).plain + 1) == 0)
        operation.variant = variants[below(random, variants.size())];
    return operation;
}

} // namespace

Sequence random_sequence(std::mt19937_64 &random, std::size_t length) {
    Sequence sequence;
    ModelDriver stand_in;
    while (sequence.size() < length) {
        // Without a file little can be done.
        const Kind kind = sequence.empty() ? Kind::open : random_kind(random);
        // Most make sense, if there is one of the kind that does; some need
        // not.
        const bool sense = below(random, 6) != 0;
        const std::size_t wish = kind == Kind::madvise ? below(random, 4) : 0;
        const bool replace = (kind == Kind::pin || kind == Kind::attach) &&
                             below(random, 2) == 0;
        const bool limited =
            kind == Kind::pin && !replace && below(random, 5) == 0;
        const auto fits = [&](const Operation &candidate) {
            return stand_in.makes_sense(candidate) &&
                   (wish < 2 || stand_in.lets_purge(candidate)) &&
                   (wish != 1 || stand_in.compresses(candidate)) &&
                   (!replace || stand_in.replaces_pages(candidate));
        };
        const auto another = [&] {
            Operation candidate = random_operation(random, kind);
            if (kind == Kind::pin && replace)
                candidate.variant = Variant::longterm;
            if (limited)
                candidate.variant = Variant::limited;
            return candidate;
        };
        Operation operation = another();
        for (int i = 0; i < TRIES && sense && !fits(operation); ++i)
            operation = another();
        if (sense && !fits(operation))
            continue;
        if (!stand_in.skips(operation))
            stand_in.run(operation);
        sequence.push_back(operation);
        // Without a page in memory there is little to see of a buffer.
        if (kind == Kind::map && sense && below(random, 4)) {
            Operation write = random_operation(random, Kind::write);
            write.map = operation.map;
            write.page %= std::max(operation.pages, 1);
            if (!stand_in.skips(write))
                stand_in.run(write);
            sequence.push_back(write);
        }
        // What a short pin holds is in the way of a long one.
        if (kind == Kind::pin && operation.variant == Variant::plain &&
            sense && below(random, 3) == 0) {
            operation.variant = Variant::longterm;
            if (!stand_in.skips(operation))
                stand_in.run(operation);
            sequence.push_back(operation);
        }
        // What is not needed is worth taking before it is needed again.
        if (kind == Kind::madvise && operation.advice == 1 &&
            below(random, 2)) {
            sequence.push_back(random_operation(random, Kind::shrink));
            stand_in.run(sequence.back());
        }
    }
    sequence.resize(length);
    return sequence;
}

} // namespace model
