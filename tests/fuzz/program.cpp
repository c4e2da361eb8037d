// SPDX-License-Identifier: MIT
#include "fuzz/program.hpp"

#include <algorithm>

namespace fuzz {

Program decode(std::span<const std::uint8_t> bytes) {
    bytes = bytes.first(std::min(bytes.size(), MAX_BYTES));
    Program program;
    for (std::size_t at = 0; at < bytes.size(); at += CALL_BYTES) {
        const auto call =
            bytes.subspan(at, std::min(CALL_BYTES, bytes.size() - at));
        program.push_back({static_cast<Op>(call[0] % OP_NAMES.size()), {}});
        std::ranges::copy(call.subspan(1), program.back().arg.begin());
    }
    return program;
}

std::vector<std::uint8_t> encode(const Program &program) {
    std::vector<std::uint8_t> bytes;
    for (const Call &call : program) {
        bytes.push_back(static_cast<std::uint8_t>(call.op));
        bytes.insert(bytes.end(), call.arg.begin(), call.arg.end());
    }
    return bytes;
}

std::string text(const Call &call) {
    std::string line(OP_NAMES[static_cast<std::size_t>(call.op)]);
    for (const std::uint8_t argument : call.arg)
        line += ' ' + std::to_string(argument);
    return line;
}

} // namespace fuzz
