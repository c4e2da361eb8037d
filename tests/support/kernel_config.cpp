// SPDX-License-Identifier: MIT
#include "support/kernel_config.hpp"

#include "support/system.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>

namespace support {
namespace {

const std::string CONFIG = "/proc/config.gz";

// The whole configuration; empty if the kernel does not tell.
const std::string &config() {
    static const std::string text = [] {
        std::string all;
        if (!std::filesystem::exists(CONFIG))
            return all;
        const std::unique_ptr<FILE, int (*)(FILE *)> pipe(
            ::popen(("gzip -dc <" + CONFIG).c_str(), "re"), &::pclose);
        std::array<char, 4096> part{};
        while (pipe && std::fgets(part.data(), part.size(), pipe.get()))
            all += part.data();
        if (all.empty())
            throw std::runtime_error("cannot read " + CONFIG);
        return "\n" + all;
    }();
    return text;
}

} // namespace

std::optional<bool> is_configured(const std::string &word) {
    if (config().empty())
        return {};
    const std::string start = "\nCONFIG_" + word + "=";
    return config().find(start + "y\n") != std::string::npos ||
           config().find(start + "m\n") != std::string::npos;
}

bool checks_itself() {
    return is_configured("KASAN").value_or(false) ||
           is_configured("KCSAN").value_or(false) ||
           std::filesystem::exists("/sys/kernel/debug/kmemleak");
}

bool tells_importers() {
    // From 7.0 on there is no choice.
    return kernel_is_at_least(7, 0) ||
           is_configured("DMABUF_MOVE_NOTIFY").value_or(false);
}

} // namespace support
