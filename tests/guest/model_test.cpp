// SPDX-License-Identifier: MIT
// The driver against the model of it: sequences that once failed, and random
// ones.
#include "model/check.hpp"
#include "model/driver.hpp"
#include "model/random.hpp"
#include "support/system.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::uint64_t SEED = 1;
constexpr std::uint64_t SEQUENCES = 30;
constexpr std::size_t LENGTH = 60;

model::Outcome outcome(const model::Sequence &sequence) {
    model::Driver driver;
    return model::check(sequence, driver, driver.rules());
}

TEST(Model, AgreesOnSequencesThatOnceFailed) {
    std::vector<std::filesystem::path> saved;
    for (const auto &entry :
         std::filesystem::directory_iterator(GPUMEM_MODEL_REGRESSIONS))
        saved.push_back(entry.path());
    ASSERT_FALSE(saved.empty());
    std::ranges::sort(saved);
    for (const auto &path : saved) {
        const auto result =
            outcome(model::parse_sequence(support::read_file(path.string())));
        EXPECT_FALSE(result.disagreement)
            << path << ", " << to_text(*result.disagreement);
    }
}

TEST(Model, AgreesOnRandomSequences) {
    std::uint64_t refused = 0, pages = 0, purges = 0;
    for (std::uint64_t seed = SEED; seed < SEED + SEQUENCES; ++seed) {
        std::mt19937_64 random(seed);
        const auto result = outcome(model::random_sequence(random, LENGTH));
        ASSERT_FALSE(result.disagreement)
            << "gpumem-model --seed " << seed << " --sequences 1 --length "
            << LENGTH << ", " << to_text(*result.disagreement);
        refused += result.refused;
        pages += result.pages;
        purges += result.purges;
    }
    EXPECT_GT(refused, 0U);
    EXPECT_GT(pages, 0U);
    EXPECT_GT(purges, 0U);
}

} // namespace
