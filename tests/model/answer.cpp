// SPDX-License-Identifier: MIT
#include "model/answer.hpp"

#include <cstring>
#include <fmt/format.h>

namespace model {

std::string to_text(const Answer &answer) {
    std::string text = "done";
    if (answer.error)
        text = fmt::format("error {} ({})", answer.error,
                           std::strerror(answer.error));
    else if (answer.signal)
        text = fmt::format("signal {} ({})", answer.signal,
                           ::strsignal(answer.signal));
    for (const auto &[name, value] : answer.values)
        text += value > 0xffff ? fmt::format(", {} {:#x}", name, value)
                               : fmt::format(", {} {}", name, value);
    return text;
}

} // namespace model
