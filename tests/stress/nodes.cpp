// SPDX-License-Identifier: MIT
#include "stress/nodes.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

namespace stress {
namespace {

constexpr unsigned long MOST_NODES = 64; // bits of a mask

// Of a process that is there, or 0. Not every kernel lists children.
pid_t parent_of(pid_t pid) {
    std::ifstream in(fmt::format("/proc/{}/status", pid));
    std::string word;
    while (in >> word)
        if (pid_t parent = 0; word == "PPid:" && in >> parent)
            return parent;
    return 0;
}

std::vector<pid_t> siblings() {
    std::vector<pid_t> found;
    for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        if (pid > 0 && pid != ::getpid() && parent_of(pid) == ::getppid())
            found.push_back(pid);
    }
    return found;
}

} // namespace

bool has_two_nodes() {
    const std::string nodes =
        support::read_file("/sys/devices/system/node/has_memory");
    return nodes.starts_with("0-") || nodes.starts_with("0,1");
}

bool move_to_other_node(std::mt19937_64 &random, const Report &report) {
    const std::vector<pid_t> pids = siblings();
    if (pids.empty())
        return false;
    const unsigned long from = 1UL << random() % 2;
    const unsigned long to = from ^ 3UL;
    // A number of pages that did not move is an answer: they are pinned or
    // busy.
    if (::syscall(SYS_migrate_pages, pids[random() % pids.size()], MOST_NODES,
                  &from, &to) >= 0)
        return true;
    // It ended (EINVAL: a zombie, which has no memory), or that node is full.
    if (errno != ESRCH && errno != EINVAL && errno != ENOMEM)
        report.failed(fmt::format("moving a process to another node: {}",
                                  std::strerror(errno)));
    return false;
}

} // namespace stress
