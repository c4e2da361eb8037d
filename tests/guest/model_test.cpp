// SPDX-License-Identifier: MIT
// The driver against the model of it: sequences that once failed, and random
// ones.
#include "model/check.hpp"
#include "model/driver.hpp"
#include "model/ground.hpp"
#include "model/keep.hpp"
#include "model/random.hpp"
#include "model/report.hpp"
#include "support/kernel_config.hpp"
#include "support/system.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace {

// Always the same, and some more that are others each time.
constexpr std::uint64_t SEED = 1;
constexpr std::uint64_t SEQUENCES = model::WORTH_THE_WHILE;
constexpr int RANDOM_SEQUENCES = 5;
constexpr std::size_t LENGTH = 60;
// Shorter sequences that are tried when one fails.
constexpr std::size_t TRIES = 300;

model::Outcome run(const model::Sequence &sequence) {
    model::Driver driver;
    return model::check(sequence, driver, driver.rules());
}

// What of the machine could be the reason.
std::string where() {
    const auto told = [](const char *word) {
        const auto known = support::is_configured(word);
        return std::string(" ") + word + (!known ? "=?" : *known ? "=y" : "=n");
    };
    std::string text = "on " + support::read_file("/proc/sys/kernel/osrelease");
    text.pop_back();
    text += ", " + support::read_file("/sys/module/gpumem/parameters/backing");
    text.pop_back();
    return text + ", " + std::to_string(support::available_memory() >> 20) +
           " of " + std::to_string(support::all_memory() >> 20) +
           " MiB available," + told("CMA") + told("DMABUF_MOVE_NOTIFY") +
           told("DMABUF_DEBUG") + told("KASAN") + "\n";
}

// Fails the test with all that is known if they disagree. @file: name to save
// the sequence by, less ".txt", in the @directories.
model::Outcome agrees(const model::Sequence &sequence, const std::string &name,
                      const std::string &file,
                      const model::Directories &directories) {
    model::Outcome outcome;
    try {
        outcome = run(sequence);
    } catch (const std::exception &error) {
        ADD_FAILURE() << name << ": " << error.what() << '\n' << where();
    }
    if (outcome.disagreement) {
        const auto made = model::report(sequence, outcome, run, name, TRIES);
        ADD_FAILURE() << where() << made.text << keep(made, file, directories);
    }
    return outcome;
}

TEST(Model, AgreesOnSequencesThatOnceFailed) {
    std::vector<std::filesystem::path> saved;
    for (const auto &entry :
         std::filesystem::directory_iterator(GPUMEM_MODEL_REGRESSIONS))
        saved.push_back(entry.path());
    ASSERT_FALSE(saved.empty());
    std::ranges::sort(saved);
    for (const auto &path : saved)
        agrees(model::parse_sequence(support::read_file(path.string())),
               path.stem().string(), path.stem().string() + "-shrunk",
               {model::results()});
}

TEST(Model, AgreesOnRandomSequences) {
    std::vector<std::uint64_t> seeds;
    for (std::uint64_t seed = SEED; seed < SEED + SEQUENCES; ++seed)
        seeds.push_back(seed);
    std::cout << "random seeds";
    for (int i = 0; i < RANDOM_SEQUENCES; ++i) {
        seeds.push_back(std::random_device{}());
        std::cout << ' ' << seeds.back();
    }
    std::cout << std::endl; // before a kernel that does not survive them

    model::Directories directories = model::regressions(".");
    directories.push_back(model::results());
    model::Ground ground;
    model::Outcome all;
    for (const std::uint64_t seed : seeds) {
        ground.prepare();
        std::mt19937_64 random(seed);
        all += agrees(model::random_sequence(random, LENGTH),
                      "gpumem-model --sequences 1 --length " +
                          std::to_string(LENGTH) + " --seed " +
                          std::to_string(seed),
                      "seed-" + std::to_string(seed), directories);
        if (HasFailure())
            return; // the next ones would say the same
    }
    EXPECT_EQ(what_lacks(all, model::Driver().rules()), "");
}

} // namespace
