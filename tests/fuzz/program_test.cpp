// SPDX-License-Identifier: MIT
// Programs are made of any bytes, and changes of them are programs again.
#include "fuzz/mutate.hpp"
#include "fuzz/program.hpp"
#include "fuzz/values.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace {

using fuzz::Call;
using fuzz::Op;
using fuzz::Program;

std::vector<std::uint8_t> random_bytes(std::minstd_rand &random,
                                       std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    std::ranges::generate(
        bytes, [&] { return static_cast<std::uint8_t>(random() >> 8); });
    return bytes;
}

void expect_sound(const Program &program, std::size_t max_calls) {
    EXPECT_LE(program.size(), max_calls);
    for (const Call &call : program)
        EXPECT_LT(static_cast<std::size_t>(call.op), fuzz::OP_NAMES.size());
}

TEST(FuzzProgram, AnyBytesAreAFiniteProgram) {
    std::minstd_rand random(1);
    for (std::size_t size = 0; size < 2 * fuzz::MAX_BYTES; ++size) {
        const Program program = fuzz::decode(random_bytes(random, size));
        expect_sound(program, fuzz::MAX_CALLS);
        EXPECT_EQ(program.size(),
                  std::min((size + fuzz::CALL_BYTES - 1) / fuzz::CALL_BYTES,
                           fuzz::MAX_CALLS));
    }
}

TEST(FuzzProgram, EncodedItIsTheSameProgram) {
    std::minstd_rand random(2);
    for (std::size_t size = 0; size < fuzz::MAX_BYTES; ++size) {
        const Program program = fuzz::decode(random_bytes(random, size));
        EXPECT_EQ(fuzz::decode(fuzz::encode(program)), program);
    }
}

TEST(FuzzProgram, EveryCallHasBytes) {
    std::set<Op> found;
    for (unsigned byte = 0; byte < 256; ++byte)
        found.insert(
            fuzz::decode(std::vector{static_cast<std::uint8_t>(byte)})[0].op);
    EXPECT_EQ(found.size(), fuzz::OP_NAMES.size());
}

TEST(FuzzProgram, InputsThatThereAreKeepTheirMeaning) {
    const auto op = [](std::uint8_t byte) {
        return fuzz::decode(std::vector{byte})[0].op;
    };
    EXPECT_EQ(op(0), Op::open);
    EXPECT_EQ(op(25), Op::syncobj_import);
    EXPECT_EQ(op(52), Op::evacuate);
    EXPECT_EQ(op(57), Op::syncobj_eventfd);
}

TEST(FuzzProgram, ACallThatIsCutShortHasZeros) {
    const Program program = fuzz::decode(
        std::vector<std::uint8_t>{static_cast<std::uint8_t>(Op::pin), 7, 8});
    ASSERT_EQ(program.size(), 1U);
    EXPECT_EQ(fuzz::text(program[0]), "pin 7 8 0 0 0 0 0");
}

TEST(FuzzProgram, MutationsAreProgramsAndReachEveryCall) {
    const auto bytes = [](std::uint8_t *data, std::size_t size, std::size_t) {
        data[0] ^= 0xff;
        return size;
    };
    std::set<Op> found;
    Program program;
    for (std::uint32_t seed = 1; seed < 5000; ++seed) {
        program = fuzz::mutate(program, 24, seed * 2654435761U, bytes);
        expect_sound(program, 24);
        for (const Call &call : program)
            found.insert(call.op);
    }
    EXPECT_EQ(found.size(), fuzz::OP_NAMES.size());
}

TEST(FuzzProgram, ACrossingHasTheBeginningOfOneAndTheEndOfTheOther) {
    const Program first(3, {Op::create, {}});
    const Program second(5, {Op::pin, {}});
    const Program crossed = fuzz::cross(first, second, 64, 2U | 4U << 16);
    EXPECT_EQ(crossed,
              (Program{{Op::create, {}}, {Op::create, {}}, {Op::pin, {}}}));
    EXPECT_EQ(fuzz::cross(first, second, 4, 3U).size(), 4U);
    EXPECT_TRUE(fuzz::cross({}, {}, 4, 0x12345678U).empty());
}

// Between what is kept and what no machine has lies memory that a pin would
// eat.
TEST(FuzzProgram, SizesAreSmallOrRefused) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        const std::uint64_t size =
            fuzz::size_of(static_cast<std::uint8_t>(byte));
        EXPECT_TRUE(size <= fuzz::MAX_SIZE || size >= 0xffffffff) << byte;
    }
}

} // namespace
