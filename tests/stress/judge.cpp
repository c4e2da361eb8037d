// SPDX-License-Identifier: MIT
#include "stress/judge.hpp"

#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <string_view>
#include <thread>

namespace stress {
namespace {

constexpr std::chrono::seconds CLOSING_PATIENCE{60};

// Of fewer tries a share means nothing.
constexpr std::uint64_t ENOUGH_TRIES = 200;

struct Counter {
    std::string_view name;
    std::uint64_t State::*value;
};
constexpr std::array COUNTERS{Counter{"buffers", &State::buffers},
                              Counter{"bytes of buffers", &State::bytes},
                              Counter{"resident pages", &State::resident_pages},
                              Counter{"compressed pages", &State::cold_pages},
                              Counter{"pieces in the store", &State::pieces},
                              Counter{"pinned buffers", &State::pinned}};

std::uint64_t in_store(const std::string &key) {
    return support::value_of(support::GPUMEM_DEBUGFS + "store", key);
}

bool is_possible(Op op, const RunOptions &options, bool has_pages) {
    switch (op) {
    case Op::vm_readv:
    case Op::vmsplice:
    case Op::from_pipe:
    case Op::direct_io:
        return has_pages;
    case Op::hole:
        return options.worker.max_pages >= 3;
    default:
        return true;
    }
}

} // namespace

// The page that is being counted may be in one of the counters only.
Work work_of(const gpumem::Device &device) {
    const std::uint64_t same = in_store("evicted_same");
    const gpumem::DeviceStats stats = device.stats();
    return {.moved = stats.moved,
            .compressed = std::max(stats.evicted, same) - same,
            .restored = stats.restored};
}

Work operator-(const Work &now, const Work &before) {
    return {.moved = now.moved - before.moved,
            .compressed = now.compressed - before.compressed,
            .restored = now.restored - before.restored};
}

State state_of(const gpumem::Device &device) {
    const gpumem::DeviceStats stats = device.stats();
    return {.buffers = stats.objects,
            .bytes = stats.bytes,
            .resident_pages = stats.resident_pages,
            .cold_pages = stats.cold_pages,
            .pieces = in_store("pieces"),
            .pinned = stats.pinned_objects};
}

std::vector<std::string> differences(const State &before, const State &now) {
    std::vector<std::string> found;
    for (const Counter &counter : COUNTERS)
        if (now.*counter.value != before.*counter.value)
            found.push_back(fmt::format("{} {} are there, and {} were before",
                                        now.*counter.value, counter.name,
                                        before.*counter.value));
    return found;
}

void expect_as_before(const gpumem::Device &device, const State &before,
                      const Report &report) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + CLOSING_PATIENCE;
    auto found = differences(before, state_of(device));
    while (!found.empty() && clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        found = differences(before, state_of(device));
    }
    for (const std::string &what : found)
        report.failed(what);
}

std::vector<std::string> excused_too_often(const Totals &totals) {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < OP_NAMES.size(); ++i) {
        const std::uint64_t tries = totals.done[i] + totals.refused[i];
        const std::uint64_t excused = totals.no_memory[i] + totals.busy[i];
        if (tries >= ENOUGH_TRIES && excused > tries / 2)
            found.push_back(fmt::format("{} of {} '{}' were excused", excused,
                                        tries, OP_NAMES[i]));
    }
    return found;
}

std::vector<std::string> not_done(const RunOptions &options,
                                  const std::function<bool(Move)> &can,
                                  bool has_pages, const Ends &ends,
                                  const Work &work, const Totals &totals) {
    std::vector<std::string> found;
    if (!work.moved)
        found.emplace_back("no page was moved");
    else if (!totals.moves_verified)
        found.emplace_back("no move was verified");
    if (!work.compressed)
        found.emplace_back("no page was compressed but those of one word");
    if (!work.restored)
        found.emplace_back("no compressed page came back");
    for (std::size_t i = 0; i < OP_NAMES.size(); ++i)
        if (!totals.done[i] &&
            is_possible(static_cast<Op>(i), options, has_pages))
            found.push_back(fmt::format("not one '{}' was done", OP_NAMES[i]));
    for (std::size_t i = 0; i < MOVE_NAMES.size(); ++i)
        if (!totals.moves_done[i] && can(static_cast<Move>(i)))
            found.push_back(
                fmt::format("not one '{}' was done, though this guest "
                            "can, and {} were tried",
                            MOVE_NAMES[i], totals.moves_refused[i].load()));
    if (!totals.compacted && can(Move::own_compaction))
        found.emplace_back("the driver's own compaction moved no page");
    for (std::size_t i = 0; i < IMPORTERS.size(); ++i)
        if (!totals.imported[i])
            found.push_back(
                fmt::format("not one '{}' importer saw the pages of a buffer",
                            IMPORTERS[i]));
    if (!totals.had_to_go && can(Move::offlining))
        found.emplace_back("no block of memory went offline that had to");
    if (can(Move::unplug) && !(ends.lost_device && totals.met_gone))
        found.emplace_back("nobody used the device while it went away");
    if (!ends.killed)
        found.emplace_back("no process was killed");
    if (!totals.long_pins)
        found.emplace_back("nothing was pinned for long");
    if (!totals.frames_compared)
        found.emplace_back("no page frame of a pinned page was compared");
    return found;
}

} // namespace stress
