// SPDX-License-Identifier: MIT
#include "stress/blocks.hpp"

#include "stress/shortage.hpp"
#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace stress {
namespace {

const std::filesystem::path MEMORY = "/sys/devices/system/memory";
// For a block that something keeps, at first, and for one that nothing keeps.
constexpr std::chrono::seconds HELD_PATIENCE{10};
constexpr std::chrono::seconds FREE_PATIENCE{180};
constexpr std::chrono::seconds CALM_PATIENCE{30};
constexpr std::chrono::milliseconds GLANCE{50};
constexpr std::uint64_t PAGE_BLOCK = 512; // pages
// Each costs a page of the machine.
constexpr unsigned MOST_SOFT_OFFLINED = 512;

std::uint64_t hex_in(const std::filesystem::path &file) {
    return std::stoull(support::read_file(file), nullptr, 16);
}

// Whether a buffer that is pinned, or is busy and may be, has a page in the
// block.
bool is_pinned(const Block &block) {
    std::istringstream lines(
        support::read_file(support::GPUMEM_DEBUGFS + "pages"));
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#')) {
            if (line.ends_with("is busy"))
                return true;
            continue;
        }
        std::uint64_t pfn = 0, count = 0, id = 0, index = 0;
        std::string state;
        if (std::istringstream(line) >> pfn >> count >> id >> index >> state &&
            (state == "pinned" || state == "unmovable") &&
            pfn < block.first + block.pages && block.first < pfn + count)
            return true;
    }
    return false;
}

std::vector<std::uint64_t> frames_of_buffers() {
    std::vector<std::uint64_t> frames;
    for (const auto &[id, all] : support::all_page_frames())
        std::ranges::copy_if(all, std::back_inserter(frames),
                             [](std::uint64_t frame) { return frame != 0; });
    return frames;
}

} // namespace

std::vector<Block> movable_blocks() {
    std::vector<Block> found;
    const std::uint64_t pages =
        hex_in(MEMORY / "block_size_bytes") / support::PAGE;
    for (const auto &entry : std::filesystem::directory_iterator(MEMORY)) {
        const auto zones = entry.path() / "valid_zones";
        if (entry.path().filename().string().starts_with("memory") &&
            std::filesystem::exists(zones) &&
            support::read_file(zones).starts_with("Movable"))
            found.push_back(
                {.path = entry.path(),
                 .first = hex_in(entry.path() / "phys_index") * pages,
                 .pages = pages});
    }
    std::ranges::sort(found, {}, &Block::first);
    return found;
}

// A block with a page that was soft-offlined does not come online again, so one
// block is left to that and stays.
Blocks::Blocks(std::mt19937_64 &random, const Report &report, Totals &totals)
    : random_(random), report_(report), totals_(totals),
      blocks_(movable_blocks()), patience_(HELD_PATIENCE) {
    if (blocks_.size() > 1)
        blocks_.erase(blocks_.begin());
}

bool Blocks::offline(bool calm) {
    std::ranges::shuffle(blocks_, random_);
    if (calm) {
        // Those that must go, first.
        std::ranges::stable_partition(blocks_, [this](const Block &block) {
            return went_.contains(block.path);
        });
        wait_until_calm();
    }
    const auto end = clock::now() + patience_;
    const auto gone = std::ranges::find_if(blocks_, [&](const Block &block) {
        return clock::now() < end && !totals_.stop && offline(block, calm);
    });
    totals_.calm = false;
    if (gone == blocks_.end())
        return false;
    bring_online(*gone);
    return true;
}

void Blocks::wait_until_calm() {
    totals_.calm = true;
    const auto end = clock::now() + CALM_PATIENCE;
    while (clock::now() < end && !totals_.stop &&
           (has_pipes() || std::ranges::any_of(blocks_, is_pinned)))
        std::this_thread::sleep_for(GLANCE);
}

bool Blocks::has_pipes() const {
    return std::ranges::any_of(totals_.in_pipes,
                               [](const auto &pages) { return pages != 0; });
}

// What may keep it: pins, pages in pipes, which could be anywhere, or no memory
// to move its pages to.
bool Blocks::is_held(const Block &block) const {
    return has_pipes() || is_pinned(block) || memory_is_short();
}

// Busy, or no end of it, is an answer while something may hold a page of it,
// and for a block that never went before, of which nobody knows what it holds;
// so is invalid for that: one with a hole never goes. When all are calm, one
// that went before must go.
bool Blocks::offline(const Block &block, bool calm) {
    const bool before = went_.contains(block.path);
    const bool must = before && calm;
    const std::chrono::seconds patience = must ? FREE_PATIENCE : patience_;
    const auto end = clock::now() + patience;
    for (;;) {
        bool held = false;
        const int error = write_offline(block, end, held);
        if (!error) {
            went_.insert(block.path);
            totals_.had_to_go += must && !held;
            return true;
        }
        // On a slow guest none may go in that time.
        if (error == EINTR && went_.empty())
            patience_ = std::min(2 * patience_, FREE_PATIENCE);
        if (error != EBUSY && error != EINTR && (error != EINVAL || before)) {
            report_.failed(fmt::format("offlining {}: {}", block.path,
                                       std::strerror(error)));
            return false;
        }
        if (held || totals_.stop || error == EINVAL)
            return false;
        if (clock::now() >= end)
            break;
        std::this_thread::sleep_for(GLANCE);
    }
    if (must)
        report_.failed(fmt::format(
            "{} went offline before and did not in {} s, with no page pinned "
            "or in a pipe and memory left",
            block.path, patience.count()));
    return false;
}

// The kernel tries until a signal comes: who pins a page of the block while it
// is being offlined keeps it for as long as the pin lasts. @end: of its patience,
// which is less where @held, as something may keep it.
int Blocks::write_offline(const Block &block, clock::time_point end,
                          bool &held) {
    const auto held_end = std::min(end, clock::now() + patience_);
    held |= is_held(block);
    const pid_t child = support::start_child([&] {
        struct sigaction interrupt {};
        interrupt.sa_handler = [](int) {};
        ::sigaction(SIGALRM, &interrupt, nullptr);
        return support::write_errno(block.path + "/state", "offline");
    });
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        std::this_thread::sleep_for(GLANCE);
        held |= is_held(block);
        // Again and again: it may not be waiting yet.
        if (clock::now() >= (held || totals_.stop ? held_end : end))
            ::kill(child, SIGALRM);
    }
    held |= is_held(block);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

// That takes memory, which may be short now.
void Blocks::bring_online(const Block &block) {
    int error = 0;
    for (int tries = 0; tries < MEMORY_TRIES; ++tries) {
        error = support::write_errno(block.path + "/state", "online_movable");
        if (!error)
            return;
        std::this_thread::sleep_for(MEMORY_PAUSE);
    }
    report_.failed(fmt::format("bringing {} online: {}", block.path,
                               std::strerror(error)));
}

// Busy if one of their pages is pinned or somebody else's that does not move.
bool Blocks::allocate() {
    const auto frames = frames_of_buffers();
    bool any = false;
    for (int i = 0; i < 8 && !frames.empty(); ++i) {
        const auto first =
            frames[random_() % frames.size()] / PAGE_BLOCK * PAGE_BLOCK;
        const int error = with_memory([&] {
            return support::write_errno(
                "/sys/kernel/debug/gpumem_test_contig",
                fmt::format("{} {}", first, PAGE_BLOCK));
        });
        if (error && error != EBUSY && !(error == ENOMEM && memory_is_short()))
            report_.failed(
                fmt::format("contiguous allocation: {}", std::strerror(error)));
        any |= error == 0;
    }
    return any;
}

bool Blocks::soft_offline() {
    auto frames = frames_of_buffers();
    std::erase_if(frames, [&](std::uint64_t frame) {
        return std::ranges::any_of(
            blocks_, [&](const Block &block) { return block.holds(frame); });
    });
    for (int i = 0;
         i < 16 && !frames.empty() && soft_offlined_ < MOST_SOFT_OFFLINED;
         ++i) {
        const int error = with_memory([&] {
            return support::soft_offline(frames[random_() % frames.size()]);
        });
        if (!error) {
            ++soft_offlined_;
            return true;
        }
        // Pinned or busy, or somebody else's by now.
        if (error != EBUSY && error != EIO && error != EOPNOTSUPP &&
            !(error == ENOMEM && memory_is_short()))
            report_.failed(
                fmt::format("soft-offlining: {}", std::strerror(error)));
    }
    return false;
}

} // namespace stress
