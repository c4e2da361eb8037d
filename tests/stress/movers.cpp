// SPDX-License-Identifier: MIT
#include "stress/movers.hpp"

#include "support/system.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <random>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace stress {
namespace {

const std::string POOL = "/proc/sys/vm/nr_hugepages";

// Gives back the pool's size, however the asking ends.
void ask_for_huge_pages() {
    const std::string before = support::read_file(POOL);
    support::write_file(POOL, std::to_string(std::stoul(before) + 64));
    support::write_file(POOL, before);
}

// Blocks of memory that hold nothing that cannot move, if the guest has such.
std::vector<std::string> movable_blocks() {
    std::vector<std::string> found;
    for (const auto &entry : std::filesystem::directory_iterator(
             "/sys/devices/system/memory")) {
        const auto zones = entry.path() / "valid_zones";
        if (entry.path().filename().string().starts_with("memory") &&
            std::filesystem::exists(zones) &&
            support::read_file(zones).starts_with("Movable"))
            found.push_back(entry.path());
    }
    return found;
}

// Busy is an answer: somebody has pinned a page of it. So is invalid: a block with
// a hole in it never goes.
void offline_and_online(const std::string &block, const Report &report) {
    const int error = support::write_errno(block + "/state", "offline");
    if (error == 0)
        support::write_file(block + "/state", "online_movable");
    else if (error != EBUSY && error != EINTR && error != EINVAL)
        report.failed(fmt::format("offlining {}: {}", block,
                                  std::strerror(error)));
}

// The caller has the device open, so nobody may unload its driver.
void try_to_unload(const Report &report) {
    if (::syscall(SYS_delete_module, "gpumem", O_NONBLOCK) == 0)
        report.failed("the driver was unloaded while its device was open");
    else if (errno != EBUSY && errno != EAGAIN)
        report.failed(fmt::format("unloading: {}", std::strerror(errno)));
}

} // namespace

void move_memory(std::uint64_t seed, const Report &report, Totals &totals) {
    std::mt19937_64 random(seed);
    const std::vector<std::string> blocks = movable_blocks();
    for (; !totals.stop; ++totals.moves_asked) {
        switch (random() % 8) {
        case 0:
            ask_for_huge_pages();
            break;
        case 1:
            support::write_file("/proc/sys/vm/drop_caches", "2");
            break;
        case 2:
            try_to_unload(report);
            break;
        case 3:
            if (!blocks.empty()) {
                offline_and_online(blocks[random() % blocks.size()], report);
                break;
            }
            [[fallthrough]];
        default:
            support::compact_memory();
        }
    }
}

} // namespace stress
