// SPDX-License-Identifier: MIT
#include "stress/nodes.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sstream>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

namespace stress {
namespace {

constexpr unsigned long MOST_NODES = 64; // bits of a mask

std::vector<pid_t> siblings() {
    const pid_t parent = ::getppid();
    std::istringstream words(support::read_file(
        fmt::format("/proc/{}/task/{}/children", parent, parent)));
    std::vector<pid_t> found;
    for (pid_t pid = 0; words >> pid;)
        if (pid != ::getpid())
            found.push_back(pid);
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
