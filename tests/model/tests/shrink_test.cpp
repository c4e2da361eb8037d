// SPDX-License-Identifier: MIT
// That a disagreement is found, and is made short.
#include "fake_driver.hpp"

#include "model/check.hpp"
#include "model/random.hpp"
#include "model/report.hpp"
#include "model/shrink.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

using model::Bug;
using model::Sequence;

namespace {

constexpr std::size_t LENGTH = 60;

model::Outcome outcome(const Sequence &sequence, Bug bug) {
    model::FakeDriver driver(bug);
    return model::check(sequence, driver, {});
}

// Of so many random sequences, up to one that disagrees.
model::Outcome outcome_of_many(std::uint64_t sequences, Bug bug) {
    model::Outcome all;
    for (std::uint64_t seed = 1; seed <= sequences && !all.disagreement;
         ++seed) {
        std::mt19937_64 random(seed);
        all += outcome(model::random_sequence(random, LENGTH), bug);
    }
    return all;
}

// What the first random sequence that shows the bug is made into; empty if none
// does.
std::string shortest(Bug bug) {
    for (std::uint64_t seed = 1; seed < 2000; ++seed) {
        std::mt19937_64 random(seed);
        const Sequence sequence = model::random_sequence(random, LENGTH);
        if (!outcome(sequence, bug).disagreement)
            continue;
        const Sequence shorter =
            model::shrink(sequence, [&](const Sequence &candidate) {
                return outcome(candidate, bug).disagreement.has_value();
            });
        return to_text(std::span(shorter));
    }
    return {};
}

TEST(ModelCheck, AgreesWithADriverWithoutBugs) {
    const model::Outcome all = outcome_of_many(500, Bug::none);
    ASSERT_FALSE(all.disagreement) << to_text(*all.disagreement);
    // It was worth the while.
    EXPECT_GT(all.pages, 500U);
    EXPECT_GT(all.purges, 50U);
    EXPECT_GT(all.refused, 500U);
    EXPECT_GT(all.cold, 100U);
    EXPECT_GT(all.long_pins, 50U);
    EXPECT_GT(all.attaches, 20U);
    EXPECT_GT(all.names, 50U);
    EXPECT_GT(all.in_the_way, 20U);
    EXPECT_GT(all.over_limit, 20U);
}

TEST(ModelCheck, MeetsAllThatItShouldInAShortRun) {
    EXPECT_EQ(
        what_lacks(outcome_of_many(model::WORTH_THE_WHILE, Bug::none), {}), "");
}

// It does nothing that would be wrong.
TEST(ModelCheck, FindsADriverThatNeverCompresses) {
    const model::Outcome all = outcome_of_many(200, Bug::never_compresses);
    ASSERT_FALSE(all.disagreement) << to_text(*all.disagreement);
    EXPECT_EQ(what_lacks(all, {}), "a cold page");
}

TEST(ModelCheck, FindsADriverThatNeverMovesWhatItCould) {
    model::Outcome all = outcome_of_many(model::WORTH_THE_WHILE, Bug::none);
    all.moved = 0;
    EXPECT_EQ(what_lacks(all, {}), "a page that the driver's compaction moves");
    model::Rules immovable;
    immovable.movable = false;
    immovable.replaced = model::Replaced::none;
    EXPECT_EQ(what_lacks(all, immovable), "");
}

TEST(ModelCheck, FindsADriverInWhichNothingIsInTheWay) {
    model::Outcome all = outcome_of_many(model::WORTH_THE_WHILE, Bug::none);
    all.in_the_way = 0;
    EXPECT_EQ(what_lacks(all, {}),
              "a long pin that a short one is in the way of");
    model::Rules elsewhere;
    elsewhere.replaced = model::Replaced::some;
    EXPECT_EQ(what_lacks(all, elsewhere), "");
}

// Any page may be in use, but not always one.
TEST(ModelCheck, FindsADriverThatRefusesLongPins) {
    const model::Outcome all = outcome_of_many(200, Bug::refuses_long_pins);
    ASSERT_FALSE(all.disagreement) << to_text(*all.disagreement);
    EXPECT_GT(all.busy, 0U);
    EXPECT_EQ(what_lacks(all, {}), "a long pin of resident pages");
}

TEST(ModelCheck, FindsADriverThatRefusesTooManyLongPins) {
    model::Outcome all = outcome_of_many(200, Bug::none);
    EXPECT_EQ(all.busy, 0U);
    all.busy = (all.long_pins + all.attaches) / model::PINS_PER_BUSY;
    EXPECT_EQ(what_lacks(all, {}), "");
    ++all.busy;
    EXPECT_EQ(what_lacks(all, {}), "enough of these pins for the refusals");
}

// There is nothing that could be in use.
TEST(ModelCheck, FindsALongPinThatIsRefusedForNothing) {
    EXPECT_EQ(shortest(Bug::always_busy),
              "open file=0\n"
              "create file=0 slot=0 pages=1\n"
              "pin file=0 slot=0 variant=longterm\n");
}

TEST(ModelCheck, FindsALongPinOfWhatIsPinnedForAShortTime) {
    EXPECT_EQ(shortest(Bug::pins_for_long),
              "open file=0\n"
              "create file=0 slot=0 pages=1\n"
              "pin file=0 slot=0\n"
              "pin file=0 slot=0 variant=longterm\n");
}

TEST(ModelCheck, FindsAPinOverTheLimit) {
    const std::string text = shortest(Bug::ignores_the_limit);
    EXPECT_LE(std::ranges::count(text, '\n'), 4) << text;
    EXPECT_NE(text.find(" variant=limited"), std::string::npos) << text;
}

TEST(ModelCheck, FindsAnAccessOfTheCpuThatIsNone) {
    const std::string text = shortest(Bug::syncs_nothing);
    EXPECT_LE(std::ranges::count(text, '\n'), 4) << text;
    EXPECT_TRUE(text.ends_with("sync buf=0 flags=0\n")) << text;
}

TEST(ModelCheck, FindsAFencedBufferThatMoves) {
    const std::string text = shortest(Bug::moves_fenced);
    EXPECT_LE(std::ranges::count(text, '\n'), 7) << text;
    EXPECT_NE(text.find("fence importer=0\n"), std::string::npos) << text;
}

TEST(ModelCheck, FindsAPinnedPageThatIsCompressed) {
    EXPECT_EQ(shortest(Bug::compresses_pinned),
              "open file=0\n"
              "create file=0 slot=0 pages=1\n"
              "pin file=0 slot=0\n"
              "madvise file=0 slot=0 advice=2\n");
}

TEST(ModelCheck, FindsABufferWithANameThatIsTaken) {
    const std::string text = shortest(Bug::takes_named);
    EXPECT_TRUE(text.starts_with("open file=0 variant=primary\n"
                                 "create file=0 slot=0 pages=1\n"))
        << text;
    EXPECT_LE(std::ranges::count(text, '\n'), 7) << text;
    EXPECT_NE(text.find("flink file=0 slot=0 name=0\n"), std::string::npos)
        << text;
    EXPECT_TRUE(text.ends_with("shrink\n")) << text;
}

TEST(ModelCheck, FindsABufferWithANameThatIsCompressed) {
    const std::string text = shortest(Bug::compresses_named);
    EXPECT_LE(std::ranges::count(text, '\n'), 6) << text;
    EXPECT_NE(text.find("flink file=0 slot=0 name=0\n"), std::string::npos)
        << text;
    EXPECT_TRUE(text.ends_with("madvise file=0 slot=0 advice=2\n")) << text;
}

TEST(ModelCheck, FindsANameThatOutlivesItsBuffer) {
    // The end of every sequence asks for the names once more.
    const std::string text = shortest(Bug::keeps_names);
    EXPECT_LE(std::ranges::count(text, '\n'), 4) << text;
    EXPECT_TRUE(text.ends_with("flink file=0 slot=0 name=0\n")) << text;
}

TEST(ModelCheck, FindsATouchedPageThatCountsAsCold) {
    const std::string text = shortest(Bug::counts_restored);
    EXPECT_LE(std::ranges::count(text, '\n'), 7) << text;
    EXPECT_NE(text.find("advice=2\n"), std::string::npos) << text;
}

TEST(ModelCheck, FindsAWrongErrorCode) {
    EXPECT_EQ(shortest(Bug::wrong_errno), "open file=0\n"
                                          "pin file=0 slot=0\n");
}

TEST(ModelCheck, FindsACallThatChangedSomethingAndFailed) {
    const std::string text = shortest(Bug::unpins_a_part);
    EXPECT_LE(std::ranges::count(text, '\n'), 5) << text;
    EXPECT_NE(text.find("pin file=0 slot=0\n"
                        "unpin file=0 slot=0 "),
              std::string::npos)
        << text;
}

TEST(ModelCheck, FindsACompactionThatMovesMoreThanItMay) {
    EXPECT_EQ(shortest(Bug::ignores_the_budget), "open file=0\n"
                                                 "evacuate file=0 pages=1\n");
}

TEST(ModelCheck, FindsWhatNeedsMoreThanAFewOperations) {
    const std::string text = shortest(Bug::keeps_what_it_took);
    // A page comes by a write, or by a pin and its end; what is read may be
    // another device's.
    EXPECT_LE(std::ranges::count(text, '\n'), 9) << text;
    EXPECT_NE(text.find("shrink\n"), std::string::npos) << text;
}

TEST(ModelShrink, LeavesOutAndLowersAllThatDoesNotMatter) {
    std::mt19937_64 random(3);
    Sequence sequence = model::random_sequence(random, 300);
    const auto count = [](const Sequence &all) {
        std::size_t found = 0;
        for (const auto &operation : all)
            found +=
                operation.kind == model::Kind::write && operation.value >= 100;
        return found;
    };
    ASSERT_GE(count(sequence), 2U);
    sequence = model::shrink(sequence, [&](const Sequence &candidate) {
        return count(candidate) >= 2;
    });
    EXPECT_EQ(to_text(std::span(sequence)), "write map=0 page=0 value=100\n"
                                            "write map=0 page=0 value=100\n");
}

// The first random sequence that shows the bug.
Sequence failing(Bug bug) {
    for (std::uint64_t seed = 1;; ++seed) {
        std::mt19937_64 random(seed);
        Sequence sequence = model::random_sequence(random, LENGTH);
        if (outcome(sequence, bug).disagreement)
            return sequence;
    }
}

TEST(ModelShrink, EndsAfterSoManyTries) {
    std::size_t calls = 0;
    const Sequence sequence = failing(Bug::wrong_errno);
    const Sequence shorter = model::shrink(
        sequence,
        [&](const Sequence &candidate) {
            ++calls;
            return outcome(candidate, Bug::wrong_errno)
                .disagreement.has_value();
        },
        5);
    EXPECT_EQ(calls, 5U);
    EXPECT_TRUE(outcome(shorter, Bug::wrong_errno).disagreement);
}

TEST(ModelReport, HoldsASequenceThatCanBeReplayed) {
    const Bug bug = Bug::wrong_errno;
    const Sequence sequence = failing(bug);
    const auto report = model::report(
        sequence, outcome(sequence, bug),
        [&](const Sequence &each) { return outcome(each, bug); }, "name",
        100000);
    const Sequence saved = model::parse_sequence(report.file);
    EXPECT_LT(saved.size(), sequence.size());
    EXPECT_TRUE(outcome(saved, bug).disagreement);
    EXPECT_NE(report.text.find(report.file), std::string::npos);
}

TEST(ModelReport, SaysWhenASequenceFailedOnlyOnce) {
    const Sequence sequence = failing(Bug::wrong_errno);
    const auto report = model::report(
        sequence, outcome(sequence, Bug::wrong_errno),
        [&](const Sequence &each) { return outcome(each, Bug::none); }, "name",
        100);
    EXPECT_NE(report.text.find("it agreed when it was run again"),
              std::string::npos);
    EXPECT_EQ(model::parse_sequence(report.file), sequence);
}

} // namespace
