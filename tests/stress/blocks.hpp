// SPDX-License-Identifier: MIT
// Blocks of memory that can be unplugged, and page blocks and single pages:
// what is asked for by its physical address.
#pragma once

#include "stress/report.hpp"
#include "stress/totals.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace stress {

struct Block {
    std::string path;
    std::uint64_t first = 0; // page frame
    std::uint64_t pages = 0;

    [[nodiscard]] bool holds(std::uint64_t frame) const {
        return frame - first < pages;
    }
};

// Those that hold nothing that cannot move, if the guest has such.
std::vector<Block> movable_blocks();

class Blocks {
public:
    Blocks(std::mt19937_64 &random, const Report &report, Totals &totals);

    // One block goes, and comes back. @calm: when nobody holds a page of it, so
    // that one that went before must go.
    bool offline(bool calm);

    // Whole page blocks in which buffers have pages, one after the other.
    bool allocate();

    // A page of a buffer is moved and not used any more.
    bool soft_offline();

private:
    using clock = std::chrono::steady_clock;

    [[nodiscard]] bool has_pipes() const;
    [[nodiscard]] bool is_held(const Block &block) const;
    bool offline(const Block &block, bool calm);
    int write_offline(const Block &block, clock::time_point end, bool &held);
    void bring_online(const Block &block);
    void wait_until_calm();

    std::mt19937_64 &random_;
    const Report &report_;
    Totals &totals_;
    std::vector<Block> blocks_;
    std::set<std::string> went_;
    std::chrono::seconds patience_; // with a block that is held, or never went
    unsigned soft_offlined_ = 0;
};

} // namespace stress
