// SPDX-License-Identifier: MIT
// A run that has not done all that it is for does not pass.
#include "stress/judge.hpp"

#include <gtest/gtest.h>

#include <memory>

using stress::Move;
using stress::Op;
using stress::Totals;

namespace {

class Judge : public testing::Test {
protected:
    Judge() {
        for (auto &done : totals->done)
            done = 1;
        for (auto &done : totals->moves_done)
            done = 1;
        for (auto &seen : totals->imported)
            seen = 1;
        totals->compacted = 1;
        totals->had_to_go = 1;
        totals->moves_verified = 1;
        totals->met_gone = 1;
        totals->long_pins = 1;
        totals->frames_compared = 1;
    }
    [[nodiscard]] std::size_t missing(bool has_pages = true) const {
        return stress::not_done(
                   options, [this](Move move) { return move != cannot; },
                   has_pages, ends, work, *totals)
            .size();
    }

    std::unique_ptr<Totals> totals = std::make_unique<Totals>();
    stress::RunOptions options;
    stress::Ends ends{.killed = 1, .lost_device = 1};
    stress::Work work{.moved = 1, .compressed = 1, .restored = 1};
    Move cannot = Move::count;
};

TEST_F(Judge, IsContentWithARunThatDidEverything) {
    EXPECT_EQ(missing(), 0U);
}

TEST_F(Judge, MissesEveryOperation) {
    for (auto &done : totals->done) {
        done = 0;
        EXPECT_EQ(missing(), 1U);
        done = 1;
    }
    totals->done[static_cast<std::size_t>(Op::vmsplice)] = 0;
    EXPECT_EQ(missing(false), 0U) << "of pages that the kernel cannot have";
}

TEST_F(Judge, MissesEveryMoveThatTheGuestCanDo) {
    for (std::size_t i = 0; i < totals->moves_done.size(); ++i) {
        totals->moves_done[i] = 0;
        EXPECT_EQ(missing(), 1U);
        cannot = static_cast<Move>(i);
        EXPECT_EQ(missing(), 0U);
        cannot = Move::count;
        totals->moves_done[i] = 1;
    }
}

TEST_F(Judge, MissesWhatElseARunIsFor) {
    for (auto &seen : totals->imported) {
        seen = 0;
        EXPECT_EQ(missing(), 1U);
        seen = 1;
    }
    for (auto *number : {&totals->compacted, &totals->moves_verified,
                         &totals->had_to_go, &totals->met_gone,
                         &totals->long_pins, &totals->frames_compared}) {
        *number = 0;
        EXPECT_EQ(missing(), 1U);
        *number = 1;
    }
    for (auto *number : {&ends.killed, &ends.lost_device, &work.moved,
                         &work.compressed, &work.restored}) {
        *number = 0;
        EXPECT_EQ(missing(), 1U);
        *number = 1;
    }
}

TEST_F(Judge, LetsNoOperationBeExcusedMoreOftenThanNot) {
    constexpr auto PIN = static_cast<std::size_t>(Op::pin);
    const auto too_often = [this] {
        return stress::excused_too_often(*totals).size();
    };
    totals->done[PIN] = 100;
    totals->refused[PIN] = 100;
    totals->no_memory[PIN] = 50;
    totals->busy[PIN] = 50;
    EXPECT_EQ(too_often(), 0U);
    totals->busy[PIN] = 51;
    EXPECT_EQ(too_often(), 1U);
    totals->done[PIN] = 99;
    EXPECT_EQ(too_often(), 0U) << "of few tries";
}

TEST(State, DiffersByEachOfItsNumbers) {
    using stress::State;
    const State before{.buffers = 1,
                       .bytes = 2,
                       .resident_pages = 3,
                       .cold_pages = 4,
                       .pieces = 5,
                       .pinned = 6};
    EXPECT_TRUE(stress::differences(before, before).empty());
    for (const auto number :
         {&State::buffers, &State::bytes, &State::resident_pages,
          &State::cold_pages, &State::pieces, &State::pinned}) {
        State now = before;
        now.*number = 0;
        EXPECT_EQ(stress::differences(before, now).size(), 1U);
    }
}

} // namespace
