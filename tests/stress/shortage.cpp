// SPDX-License-Identifier: MIT
#include "stress/shortage.hpp"

#include "support/system.hpp"

#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace stress {
namespace {

const std::string POOL = "/proc/sys/vm/nr_hugepages";
constexpr std::size_t LEFT_KIB = 32 << 10;
constexpr std::size_t SHORT_KIB = 64 << 10;
constexpr std::uint64_t TIGHT_BYTES = 1 << 20;

std::uint64_t available_kib() {
    return support::value_of("/proc/meminfo", "MemAvailable:");
}

// Processes may get no memory while one lives, and who began before it ended.
class Shortage {
public:
    explicit Shortage(Totals &totals) : totals_(totals) { ++totals_.shortages; }
    Shortage(const Shortage &) = delete;
    Shortage &operator=(const Shortage &) = delete;
    ~Shortage() { ++totals_.shortages; }

private:
    Totals &totals_;
};

} // namespace

bool memory_is_short() {
    return available_kib() < SHORT_KIB ||
           support::value_of("/proc/meminfo", "HugePages_Total:");
}

// Gives back the pool's size, however the asking ends.
bool ask_for_huge_pages(Totals &totals) {
    const Shortage shortage(totals);
    const std::string before = support::read_file(POOL);
    support::write_file(POOL, std::to_string(std::stoul(before) + 64));
    const bool grew = std::stoul(support::read_file(POOL)) > std::stoul(before);
    support::write_file(POOL, before);
    return grew;
}

// A child takes nearly all memory that there is, and gives it back: what is
// purgeable goes, and who touches a new page may get none.
bool make_memory_short(Totals &totals) {
    const std::size_t kib = available_kib();
    if (kib < 2 * LEFT_KIB)
        return false;
    const Shortage shortage(totals);
    const int status = support::in_child([&] {
        support::write_file("/proc/self/oom_score_adj", "1000");
        return ::mmap(nullptr, (kib - LEFT_KIB) * 1024, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
                      0) == MAP_FAILED;
    });
    return status == 0;
}

// Kills who is worth most to it: the processes that do the work say so, and if
// there is none, a child that says a little less; nobody else.
bool call_the_oom_killer() {
    const pid_t child = support::start_child([] {
        support::write_file("/proc/self/oom_score_adj", "400");
        for (;;)
            ::pause();
        return 0;
    });
    while (support::read_file(fmt::format("/proc/{}/oom_score_adj", child)) !=
           "400\n")
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto killed = [] {
        return support::value_of("/proc/vmstat", "oom_kill");
    };
    const std::uint64_t before = killed();
    support::write_file("/proc/sysrq-trigger", "f");
    for (int i = 0; i < 1000 && killed() == before; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(child, SIGKILL);
    support::wait_for(child);
    return killed() != before;
}

// Its members lose what they have, and some die of it.
bool tighten(const support::MemoryGroup &group) {
    const bool members = group.get("memory.stat", "anon") != 0;
    group.limit(TIGHT_BYTES);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    group.limit(GROUP_BYTES);
    return members;
}

} // namespace stress
