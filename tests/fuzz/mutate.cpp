// SPDX-License-Identifier: MIT
#include "fuzz/mutate.hpp"

#include <algorithm>

namespace fuzz {
namespace {

class Mutator {
public:
    Mutator(std::uint32_t seed, const MutateBytes &bytes)
        : random_(seed), bytes_(bytes) {}

    void step(Program &program, std::size_t max_calls) {
        const bool full = program.size() >= max_calls;
        if (program.empty() || (!full && below(3) == 0)) {
            program.insert(program.begin() + place(program.size() + 1),
                           random_call());
            return;
        }
        const auto at = program.begin() + place(program.size());
        switch (below(8)) {
        case 0:
            program.erase(at);
            break;
        case 1: {
            const Call call = *at;
            if (!full)
                program.insert(program.begin() + place(program.size() + 1),
                               call);
            break;
        }
        case 2:
            std::swap(*at, program[below(program.size())]);
            break;
        case 3:
            at->op = random_call().op;
            break;
        case 4:
            bytes_(at->arg.data(), at->arg.size(), at->arg.size());
            break;
        default:
            at->arg[below(ARGUMENTS)] = argument();
        }
    }

private:
    std::size_t below(std::size_t bound) { return random_() % bound; }
    std::ptrdiff_t place(std::size_t bound) {
        return static_cast<std::ptrdiff_t>(below(bound));
    }
    // Small ones choose what is there; large ones what is not.
    std::uint8_t argument() {
        return static_cast<std::uint8_t>(below(4) ? below(16) : below(256));
    }
    Op between(Op first, Op last) {
        const auto begin = static_cast<std::size_t>(first);
        return static_cast<Op>(
            begin + below(static_cast<std::size_t>(last) - begin + 1));
    }
    // Often the driver's own and those on its mappings.
    Call random_call() {
        Call call;
        switch (below(3)) {
        case 0:
            call.op = below(12) ? between(Op::create, Op::raw) : Op::evacuate;
            break;
        case 1:
            call.op = between(Op::mmap_file, Op::vmsplice);
            break;
        default:
            call.op = static_cast<Op>(below(OP_NAMES.size()));
        }
        std::ranges::generate(call.arg, [this] { return argument(); });
        return call;
    }

    std::minstd_rand random_;
    const MutateBytes &bytes_;
};

} // namespace

Program mutate(Program program, std::size_t max_calls, std::uint32_t seed,
               const MutateBytes &bytes) {
    Mutator mutator(seed, bytes);
    for (std::uint32_t steps = 1 + seed % 4; steps; --steps)
        mutator.step(program, max_calls);
    program.resize(std::min(program.size(), max_calls));
    return program;
}

Program cross(const Program &first, const Program &second,
              std::size_t max_calls, std::uint32_t seed) {
    const auto cut = [](const Program &program, std::uint32_t by) {
        return program.begin() +
               static_cast<std::ptrdiff_t>(by % (program.size() + 1));
    };
    Program program(first.begin(), cut(first, seed & 0xffff));
    program.insert(program.end(), cut(second, seed >> 16), second.end());
    program.resize(std::min(program.size(), max_calls));
    return program;
}

} // namespace fuzz
