// SPDX-License-Identifier: MIT
#include "stress/movers.hpp"

#include "support/debugfs.hpp"
#include "support/memory_group.hpp"
#include "support/system.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
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

class Movers {
public:
    Movers(std::uint64_t seed, const Report &report, Totals &totals)
        : random_(seed), report_(report), totals_(totals),
          blocks_(movable_blocks()) {}

    void step() {
        // Mostly compaction, and seldom what costs memory or much time.
        static constexpr std::array MOVES{
            Move::compaction, Move::compaction, Move::compaction, Move::compaction,
            Move::compaction, Move::compaction, Move::compaction, Move::huge_pages,
            Move::huge_pages, Move::contiguous, Move::contiguous,
            Move::contiguous, Move::contiguous, Move::shrinking,  Move::shrinking,  Move::offlining,
            Move::offlining,  Move::unloading,  Move::soft_offlining,
            Move::memory_pressure, Move::oom_killer};
        const Move move = MOVES[random_() % MOVES.size()];
        const auto i = static_cast<std::size_t>(move);
        ++(run(move) ? totals_.moves_done : totals_.moves_refused)[i];
    }

private:
    bool run(Move move) {
        switch (move) {
        case Move::huge_pages:
            ++totals_.shortages;
            ask_for_huge_pages();
            ++totals_.shortages;
            return true;
        case Move::contiguous:
            return allocate_blocks();
        case Move::shrinking:
            support::write_file("/proc/sys/vm/drop_caches", "2");
            return true;
        case Move::offlining:
            return !blocks_.empty() &&
                   offline_and_online(blocks_[random_() % blocks_.size()]);
        case Move::soft_offlining:
            return soft_offline();
        case Move::unloading:
            return try_to_unload();
        case Move::memory_pressure:
            return make_memory_short();
        case Move::oom_killer:
            return call_the_oom_killer();
        default:
            support::compact_memory();
            return true;
        }
    }

    // Busy is an answer: somebody has pinned a page of it. So is invalid: a block
    // with a hole in it never goes.
    // The kernel tries until a signal comes: who pins a page of the block while it
    // is being offlined keeps it for as long as the pin lasts.
    bool offline_and_online(const std::string &block) {
        const int status = support::in_child([&] {
            struct sigaction interrupt{};
            interrupt.sa_handler = [](int) {};
            ::sigaction(SIGALRM, &interrupt, nullptr);
            ::alarm(OFFLINE_SECONDS);
            return support::write_errno(block + "/state", "offline");
        });
        if (!WIFEXITED(status))
            return false;
        const int error = WEXITSTATUS(status);
        if (error == 0)
            bring_online(block);
        else if (error != EBUSY && error != EINTR && error != EINVAL)
            report_.failed(fmt::format("offlining {}: {}", block,
                                       std::strerror(error)));
        return error == 0;
    }

    // That takes memory, which may be short now.
    void bring_online(const std::string &block) {
        int error = 0;
        for (int tries = 0; tries < ONLINE_TRIES; ++tries) {
            error = support::write_errno(block + "/state", "online_movable");
            if (!error)
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        report_.failed(fmt::format("bringing {} online: {}", block,
                                   std::strerror(error)));
    }

    std::vector<std::uint64_t> frames_of_buffers() {
        std::vector<std::uint64_t> frames;
        for (const auto &[id, all] : support::all_page_frames())
            std::ranges::copy_if(all, std::back_inserter(frames),
                                 [](std::uint64_t frame) { return frame != 0; });
        return frames;
    }

    // Whole page blocks in which buffers have pages, one after the other. Busy if
    // one of their pages is pinned or somebody else's that does not move.
    bool allocate_blocks() {
        const auto frames = frames_of_buffers();
        bool any = false;
        for (int i = 0; i < 8 && !frames.empty(); ++i) {
            const auto block = frames[random_() % frames.size()] / BLOCK * BLOCK;
            const int error =
                support::write_errno("/sys/kernel/debug/gpumem_test_contig",
                                     fmt::format("{} {}", block, BLOCK));
            if (error && error != EBUSY && error != ENOMEM && error != EINTR)
                report_.failed(fmt::format("contiguous allocation: {}",
                                           std::strerror(error)));
            any |= error == 0;
        }
        return any;
    }

    // Each costs a page of the machine.
    bool soft_offline() {
        const auto frames = frames_of_buffers();
        if (soft_offlined_ >= MOST_SOFT_OFFLINED || frames.empty())
            return false;
        const int error = support::soft_offline(frames[random_() % frames.size()]);
        // Busy, or somebody else's by now; no memory to move it to.
        if (error && error != EBUSY && error != EIO && error != ENOMEM &&
            error != EOPNOTSUPP)
            report_.failed(fmt::format("soft-offlining: {}", std::strerror(error)));
        soft_offlined_ += error == 0;
        return error == 0;
    }

    // Main has the device open, so nobody may unload its driver; refusal is what
    // is to be done.
    bool try_to_unload() {
        if (::syscall(SYS_delete_module, "gpumem", O_NONBLOCK) == 0)
            report_.failed("the driver was unloaded while its device was open");
        else if (errno != EBUSY && errno != EAGAIN)
            report_.failed(fmt::format("unloading: {}", std::strerror(errno)));
        return true;
    }

    // A child takes nearly all memory that there is, and gives it back: what is
    // purgeable goes, and who touches a new page may get none.
    bool make_memory_short() {
        const std::size_t kib = support::value_of("/proc/meminfo", "MemAvailable:");
        if (kib < 2 * LEFT_KIB)
            return false;
        ++totals_.shortages;
        const int status = support::in_child([&] {
            support::write_file("/proc/self/oom_score_adj", "1000");
            return ::mmap(nullptr, (kib - LEFT_KIB) * 1024,
                          PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
                          0) == MAP_FAILED;
        });
        ++totals_.shortages;
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

    static constexpr unsigned MOST_SOFT_OFFLINED = 512;
    static constexpr unsigned OFFLINE_SECONDS = 10;
    static constexpr int ONLINE_TRIES = 300;
    static constexpr std::uint64_t BLOCK = 512; // pages
    static constexpr std::size_t LEFT_KIB = 32 << 10;

    std::mt19937_64 random_;
    const Report &report_;
    Totals &totals_;
    const std::vector<std::string> blocks_;
    unsigned soft_offlined_ = 0;
};

} // namespace

void move_memory(std::uint64_t seed, const Report &report, Totals &totals) {
    Movers movers(seed, report, totals);
    while (!totals.stop)
        movers.step();
}

} // namespace stress
