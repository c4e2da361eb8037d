// SPDX-License-Identifier: MIT
// What an operation came to: an error, a signal, or values by their names.
#pragma once

#include "model/operation.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace model {

struct Answer {
    int error = 0;  // errno
    int signal = 0; // that a touch ended in
    std::map<std::string, std::uint64_t> values;

    // 0 if it is not there.
    [[nodiscard]] std::uint64_t value(const std::string &name) const {
        const auto found = values.find(name);
        return found == values.end() ? 0 : found->second;
    }
    bool operator==(const Answer &) const = default;
};

inline Answer failed(int error) {
    return {.error = error, .signal = 0, .values = {}};
}
inline Answer killed(int signal) {
    return {.error = 0, .signal = signal, .values = {}};
}

// Of the buffers of a pin that was refused, by their slots.
inline std::string purged_name(int slot) {
    return "purged_" + std::to_string(slot);
}
inline std::string resident_name(int slot) {
    return "resident_" + std::to_string(slot);
}
inline std::string cold_name(int slot) {
    return "cold_" + std::to_string(slot);
}

std::string to_text(const Answer &answer);

// Something that can be asked to do operations: the driver, or a stand-in.
class Subject {
public:
    Subject() = default;
    Subject(const Subject &) = delete;
    Subject &operator=(const Subject &) = delete;
    virtual ~Subject() = default;
    virtual Answer run(const Operation &operation) = 0;
};

// What a page holds that was written with this value: the first word, and each
// other one is one more. 0 is a page of zeros.
inline std::uint64_t first_word(int value) {
    return static_cast<std::uint64_t>(value) * 0x9e3779b97f4a7c15U;
}

} // namespace model
