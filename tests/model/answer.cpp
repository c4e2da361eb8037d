// SPDX-License-Identifier: MIT
#include "model/answer.hpp"

#include <cstring>
#include <fmt/format.h>

namespace model {

std::string to_text(const Answer &answer) {
    if (answer.error)
        return fmt::format("error {} ({})", answer.error,
                           std::strerror(answer.error));
    if (answer.signal)
        return fmt::format("signal {} ({})", answer.signal,
                           ::strsignal(answer.signal));
    std::string text = "done";
    for (const auto &[name, value] : answer.values)
        text += value > 0xffff ? fmt::format(", {} {:#x}", name, value)
                               : fmt::format(", {} {}", name, value);
    return text;
}

} // namespace model
