// SPDX-License-Identifier: MIT
#include "model/operation.hpp"
#include "model/random.hpp"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>

using model::Kind;
using model::Operation;
using model::parse_sequence;
using model::Sequence;
using model::Variant;

namespace {

TEST(ModelOperation, IsReadFromOneLine) {
    const Sequence sequence =
        parse_sequence("# a comment\n"
                       "\n"
                       "create file=1 slot=2 pages=3 variant=odd\n"
                       "pin file=0 slot=1 second=3\n"
                       "shrink\n");
    ASSERT_EQ(sequence.size(), 3U);
    Operation create;
    create.kind = Kind::create;
    create.file = 1;
    create.slot = 2;
    create.pages = 3;
    create.variant = Variant::odd;
    EXPECT_EQ(sequence[0], create);
    EXPECT_EQ(sequence[1].second, 3);
    EXPECT_EQ(sequence[1].third, model::NO_SLOT);
    EXPECT_EQ(sequence[2].kind, Kind::shrink);
}

TEST(ModelOperation, IsTheSameAfterItWasWrittenAndRead) {
    std::mt19937_64 random(1);
    const Sequence sequence = model::random_sequence(random, 5000);
    const std::string text = to_text(std::span(sequence));
    EXPECT_EQ(parse_sequence(text), sequence);
    // Every kind was among them.
    for (std::size_t i = 0; i < model::KINDS; ++i) {
        const auto name = info(static_cast<Kind>(i)).name;
        EXPECT_NE(text.find("\n" + std::string(name)), std::string::npos)
            << name;
    }
}

TEST(ModelOperation, IsRefusedWithTheLineAndTheReason) {
    const auto reason = [](const std::string &text) -> std::string {
        try {
            parse_sequence(text);
        } catch (const std::invalid_argument &error) {
            return error.what();
        }
        return "none";
    };
    EXPECT_EQ(reason("shrink\njump\n"),
              "line 2: no operation is called 'jump'");
    EXPECT_EQ(reason("open file=2"), "line 1: file is 0 to 1, not '2'");
    EXPECT_EQ(reason("open file=0x1"), "line 1: file is 0 to 1, not '0x1'");
    EXPECT_EQ(reason("open file"), "line 1: file is 0 to 1, not ''");
    EXPECT_EQ(reason("open slot=0"), "line 1: 'open' has no 'slot'");
    EXPECT_EQ(reason("free file=0"), "line 1: 'free' lacks a number");
    EXPECT_EQ(reason("stats file=0 variant=odder"),
              "line 1: no variant is called 'odder'");
}

} // namespace
