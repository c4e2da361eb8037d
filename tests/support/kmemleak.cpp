// SPDX-License-Identifier: MIT
#include "support/kmemleak.hpp"

#include "support/system.hpp"

#include <chrono>
#include <filesystem>
#include <thread>

namespace support {

namespace {

const std::string KMEMLEAK = "/sys/kernel/debug/kmemleak";

bool is_there() { return std::filesystem::exists(KMEMLEAK); }

} // namespace

void Kmemleak::SetUp() {
    // What was lost before is not ours.
    if (is_there())
        write_file(KMEMLEAK, "clear");
}

void Kmemleak::TearDown() {
    if (!is_there())
        return;
    // It reports what two scans find lost and what is older than five seconds.
    write_file(KMEMLEAK, "scan");
    std::this_thread::sleep_for(std::chrono::seconds(6));
    write_file(KMEMLEAK, "scan");
    const std::string lost = read_file(KMEMLEAK);
    if (!lost.empty())
        ADD_FAILURE() << "kmemleak:\n" << lost;
}

} // namespace support
