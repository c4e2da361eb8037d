// SPDX-License-Identifier: MIT
// A pin of several buffers that is refused does not say which one it was.
#include "model/model.hpp"
#include "support/system.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

using model::Answer;
using model::Model;

namespace {

// Two buffers of four pages, the first page of each touched.
Model two_buffers(const model::Rules &rules) {
    Model model(rules);
    std::uint64_t number = 0;
    for (const auto &operation :
         model::parse_sequence("open file=0\n"
                               "create file=0 slot=0 pages=4\n"
                               "create file=0 slot=1 pages=4\n"
                               "map file=0 slot=0 map=0 pages=4\n"
                               "map file=0 slot=1 map=1 pages=4\n"
                               "write map=0 page=0 value=1\n"
                               "write map=1 page=0 value=1\n")) {
        ++number;
        Answer chosen;
        chosen.values = {{"handle", number},
                         {"offset", number * model::MAX_PAGES * support::PAGE}};
        EXPECT_EQ(model.predict(operation, chosen).error, 0);
    }
    return model;
}

// Whether a driver may answer that one page was in use, and that so many are
// resident now.
bool may_be_busy(std::uint64_t first, std::uint64_t second,
                 const model::Rules &rules = {}) {
    Model model = two_buffers(rules);
    Answer busy = model::failed(EBUSY);
    busy.values = {{model::purged_name(0), 0},
                   {model::resident_name(0), first},
                   {model::cold_name(0), 0},
                   {model::purged_name(1), 0},
                   {model::resident_name(1), second},
                   {model::cold_name(1), 0}};
    const auto pin =
        model::parse_sequence("pin file=0 slot=0 second=1 variant=longterm");
    return model.predict(pin.front(), busy) == busy;
}

TEST(ModelPins, EitherOfTwoMayHaveBeenBusy) {
    EXPECT_TRUE(may_be_busy(1, 1)) << "the first";
    EXPECT_TRUE(may_be_busy(4, 1)) << "the second";
}

TEST(ModelPins, NothingIsBusyWhereNothingIsReplaced) {
    model::Rules rules;
    rules.replaced = model::Replaced::some;
    EXPECT_TRUE(may_be_busy(1, 1, rules));
    rules.replaced = model::Replaced::none;
    EXPECT_FALSE(may_be_busy(1, 1, rules));
}

TEST(ModelPins, NothingBehindABusyOneBecomesResident) {
    EXPECT_FALSE(may_be_busy(1, 4));
    EXPECT_FALSE(may_be_busy(4, 4));
    EXPECT_FALSE(may_be_busy(2, 1)) << "nor a part of one";
}

} // namespace
