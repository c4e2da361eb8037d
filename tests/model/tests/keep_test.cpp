// SPDX-License-Identifier: MIT
// That a sequence which fails becomes one of those that are replayed.
#include "fake_driver.hpp"

#include "model/check.hpp"
#include "model/keep.hpp"
#include "model/random.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>

using model::Bug;
using model::Sequence;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t LENGTH = 60;

class ModelKeep : public testing::Test {
protected:
    ModelKeep() {
        std::string name = fs::temp_directory_path() / "model-keep-XXXXXX";
        if (!::mkdtemp(name.data()))
            throw std::runtime_error("no temporary directory");
        home = name;
    }
    ~ModelKeep() override { fs::remove_all(home); }

    static model::Outcome run(const Sequence &sequence, Bug bug) {
        model::FakeDriver driver(bug);
        return model::check(sequence, driver, {});
    }
    // Of the first random sequence on which the driver with the bug disagrees.
    static model::Report failure(Bug bug) {
        for (std::uint64_t seed = 1;; ++seed) {
            std::mt19937_64 random(seed);
            const Sequence sequence = model::random_sequence(random, LENGTH);
            const model::Outcome outcome = run(sequence, bug);
            if (outcome.disagreement)
                return model::report(
                    sequence, outcome,
                    [&](const Sequence &each) { return run(each, bug); },
                    "seed-" + std::to_string(seed), 100000);
        }
    }
    static std::string contents(const fs::path &path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }

    fs::path home;
    const fs::path saved = fs::path("tests") / "model" / "regressions";
};

TEST_F(ModelKeep, MakesAFailureOneOfTheRegressions) {
    fs::create_directories(home / saved);
    const auto directories = model::regressions(home);
    ASSERT_EQ(directories.size(), 1U);
    const std::string said =
        keep(failure(Bug::wrong_errno), "seed-7", directories);
    const fs::path path = home / saved / "seed-7.txt";
    EXPECT_EQ(said, "saved as " + path.string() + "\n");
    const Sequence again = model::parse_sequence(contents(path));
    EXPECT_LT(again.size(), LENGTH);
    EXPECT_TRUE(run(again, Bug::wrong_errno).disagreement);
    EXPECT_FALSE(run(again, Bug::none).disagreement);
}

TEST_F(ModelKeep, FindsNoRegressionsWhereThereIsNoRepository) {
    EXPECT_TRUE(model::regressions(home).empty());
    EXPECT_FALSE(fs::exists(home / "tests"));
}

TEST_F(ModelKeep, OverwritesNothing) {
    const model::Report first = failure(Bug::wrong_errno);
    const model::Report second = failure(Bug::ignores_the_budget);
    keep(first, "seed-7", {home});
    keep(second, "seed-7", {home});
    keep(second, "seed-7", {home});
    EXPECT_EQ(contents(home / "seed-7.txt"), first.file);
    EXPECT_EQ(contents(home / "seed-7-2.txt"), second.file);
    EXPECT_FALSE(fs::exists(home / "seed-7-3.txt")) << "it is there already";
}

TEST_F(ModelKeep, GoesOnWhereOneDirectoryCannotBeWritten) {
    std::ofstream(home / "file").put('x');
    const std::string said = keep(failure(Bug::wrong_errno), "seed-7",
                                  {home / "file", home / "out"});
    EXPECT_NE(said.find("not saved in " + (home / "file").string()),
              std::string::npos)
        << said;
    EXPECT_TRUE(fs::exists(home / "out/seed-7.txt"));
}

} // namespace
