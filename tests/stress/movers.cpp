// SPDX-License-Identifier: MIT
#include "stress/movers.hpp"

#include "stress/blocks.hpp"
#include "stress/nodes.hpp"
#include "stress/seeds.hpp"
#include "stress/shortage.hpp"
#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <random>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace stress {
namespace {

// A round: mostly compaction, and each of the others at least once. The device
// is unplugged by the clock, so that the others go on meanwhile.
struct Share {
    Move move;
    int times;
};
constexpr std::array ROUND{
    Share{Move::compaction, 7}, Share{Move::huge_pages, 2},
    Share{Move::contiguous, 4}, Share{Move::shrinking, 2},
    Share{Move::offlining, 2},  Share{Move::soft_offlining, 1},
    Share{Move::unloading, 1},  Share{Move::memory_pressure, 1},
    Share{Move::oom_killer, 1}, Share{Move::group_limit, 1},
    Share{Move::nodes, 2},      Share{Move::own_compaction, 4}};

// Among the seeds of a run, of which processes have the small ones.
constexpr std::uint64_t MOVING = ~std::uint64_t{0} - 1;

// What one compaction of the driver may move and take.
constexpr std::uint64_t COMPACT_PAGES = 20000;
constexpr std::chrono::milliseconds COMPACT_TIME{500};

// A deck of moves: shuffled when all were dealt.
class Deck {
public:
    explicit Deck(const Here &here) {
        for (const Share &share : ROUND)
            if (here.can(share.move))
                cards_.insert(cards_.end(),
                              static_cast<std::size_t>(share.times),
                              share.move);
    }
    Move deal(std::mt19937_64 &random) {
        if (next_ % cards_.size() == 0)
            std::ranges::shuffle(cards_, random);
        return cards_[next_++ % cards_.size()];
    }

private:
    std::vector<Move> cards_;
    std::size_t next_ = 0;
};

class Movers {
public:
    Movers(std::uint64_t seed, const Here &here,
           const support::MemoryGroup &group, const Report &report,
           Totals &totals)
        : random_(seed_of(seed, MOVING)), group_(group), report_(report), totals_(totals),
          deck_(here), blocks_(random_, report, totals) {}

    void step() {
        const Move move = deck_.deal(random_);
        const auto i = static_cast<std::size_t>(move);
        ++(run(move) ? totals_.moves_done : totals_.moves_refused)[i];
    }

private:
    bool run(Move move) {
        switch (move) {
        case Move::huge_pages:
            return ask_for_huge_pages(totals_);
        case Move::contiguous:
            return blocks_.allocate();
        case Move::shrinking:
            support::write_file("/proc/sys/vm/drop_caches", "2");
            return true;
        case Move::offlining:
            return blocks_.offline(calm_ = !calm_);
        case Move::soft_offlining:
            return blocks_.soft_offline();
        case Move::unloading:
            return try_to_unload();
        case Move::memory_pressure:
            return make_memory_short(totals_);
        case Move::oom_killer:
            return call_the_oom_killer();
        case Move::group_limit:
            return tighten(group_);
        case Move::nodes:
            return move_to_other_node(random_, report_);
        case Move::own_compaction:
            return compact();
        default:
            support::compact_memory();
            return true;
        }
    }

    // By debugfs, which is there while the device is not.
    bool compact() {
        const auto went = [this] {
            return totals_.moves_done[static_cast<std::size_t>(Move::unplug)]
                .load();
        };
        const std::uint64_t before = went();
        const int error = with_memory([this] {
            return totals_.gone ? support::write_errno(
                                      support::GPUMEM_DEBUGFS + "compact",
                                      fmt::format("{} {}", COMPACT_PAGES,
                                                  COMPACT_TIME.count()))
                                : compact_by_device();
        });
        if (!error)
            return true;
        // Busy: others compact too. Nobody else of ours does.
        if (!(error == EBUSY && totals_.others) &&
            !(error == ENOMEM && memory_is_short()) &&
            !(error == ENODEV && (totals_.gone || went() != before)))
            report_.failed(fmt::format("the driver's compaction: {}",
                                       std::strerror(error)));
        return false;
    }

    int compact_by_device() try {
        totals_.compacted += gpumem::Device::open()
                                 .compact(COMPACT_PAGES, COMPACT_TIME)
                                 .pages_moved;
        return 0;
    } catch (const gpumem::Error &error) {
        return error.code().value();
    }

    // Main has the device open, so nobody may unload its driver; refusal is
    // what is to be done.
    bool try_to_unload() {
        if (::syscall(SYS_delete_module, "gpumem", O_NONBLOCK) == 0)
            report_.failed("the driver was unloaded while its device was open");
        // The kernel says EWOULDBLOCK for a module in use.
        else if (errno != EBUSY && errno != EWOULDBLOCK)
            report_.failed(fmt::format("unloading: {}", std::strerror(errno)));
        else
            return true;
        return false;
    }

    std::mt19937_64 random_;
    const support::MemoryGroup &group_;
    const Report &report_;
    Totals &totals_;
    Deck deck_;
    Blocks blocks_;
    bool calm_ = false; // the last offlining was
};

} // namespace

void move_memory(std::uint64_t seed, const Here &here,
                 const support::MemoryGroup &group, const Report &report,
                 Totals &totals) {
    Movers movers(seed, here, group, report, totals);
    while (!totals.stop)
        movers.step();
}

} // namespace stress
