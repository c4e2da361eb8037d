// SPDX-License-Identifier: MIT
#include "streaming.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <tuple>

namespace gallery {

Streaming::Streaming(std::vector<AssetInfo> assets,
                     const StreamingConfig &config)
    : assets_(std::move(assets)), config_(config), resident_(assets_.size()) {}

// Rooms lie on a ring; what is not just behind is ahead.
int Streaming::rooms_ahead(int asset, std::int64_t room) const {
    const std::int64_t rooms = config_.rooms;
    const std::int64_t behind =
        std::max(config_.low_behind, config_.high_behind);
    const std::int64_t from =
        assets_[static_cast<std::size_t>(asset)].room - room + behind;
    return static_cast<int>((from % rooms + rooms) % rooms - behind);
}

// In order of importance, cut off where the budget ends.
std::vector<int> Streaming::wanted(std::int64_t room) const {
    std::vector<std::tuple<int, int, int>> ranked;
    for (int id = 0; id < static_cast<int>(assets_.size()); id++) {
        const bool high =
            assets_[static_cast<std::size_t>(id)].detail == Detail::High;
        const int ahead = rooms_ahead(id, room);
        if (ahead < -(high ? config_.high_behind : config_.low_behind) ||
            ahead > (high ? config_.high_ahead : config_.low_ahead))
            continue;
        // What lies behind comes last of its kind.
        const int distance =
            ahead >= 0 ? ahead : std::numeric_limits<int>::max() + ahead;
        ranked.emplace_back(high ? 1 : 0, distance, id);
    }
    std::sort(ranked.begin(), ranked.end());

    std::vector<int> ids;
    std::uint64_t bytes = 0;
    for (const auto &[kind, distance, id] : ranked) {
        bytes += assets_[static_cast<std::size_t>(id)].bytes;
        if (bytes > config_.budget)
            break;
        ids.push_back(id);
    }
    return ids;
}

std::uint64_t Streaming::least_budget() const {
    std::uint64_t most = 0;
    for (int room = 0; room < config_.rooms; room++) {
        std::uint64_t bytes = 0;
        for (int id = 0; id < static_cast<int>(assets_.size()); id++) {
            const AssetInfo &asset = assets_[static_cast<std::size_t>(id)];
            const int ahead = rooms_ahead(id, room);
            if (asset.detail == Detail::Low && ahead >= -config_.low_behind &&
                ahead <= config_.low_ahead)
                bytes += asset.bytes;
        }
        most = std::max(most, bytes);
    }
    return most;
}

StreamingPlan Streaming::fill(std::int64_t room) {
    return run(room, std::numeric_limits<std::uint64_t>::max());
}

StreamingPlan Streaming::step(std::int64_t room) {
    return run(room, config_.bytes_a_step);
}

StreamingPlan Streaming::run(std::int64_t room, std::uint64_t most_bytes) {
    const std::vector<int> wanted_ids = wanted(room);
    std::vector<bool> keep(assets_.size());
    for (const int id : wanted_ids)
        keep[static_cast<std::size_t>(id)] = true;

    // What may go, the farthest last so that it goes first. What is not wanted
    // stays as long as there is room for it, as in a game's cache.
    std::vector<int> spare;
    for (int id = 0; id < static_cast<int>(assets_.size()); id++) {
        if (resident(id) && !keep[static_cast<std::size_t>(id)])
            spare.push_back(id);
    }
    std::stable_sort(spare.begin(), spare.end(), [&](int a, int b) {
        return std::abs(rooms_ahead(a, room)) < std::abs(rooms_ahead(b, room));
    });

    StreamingPlan plan;
    std::uint64_t loaded = 0;
    for (const int id : wanted_ids) {
        if (resident(id))
            continue;
        const std::uint64_t bytes = assets_[static_cast<std::size_t>(id)].bytes;
        if (loaded != 0 && loaded + bytes > most_bytes)
            break;
        while (resident_bytes_ + bytes > config_.budget) {
            const int victim =
                spare.back(); // never empty: all that is wanted fits the budget
            spare.pop_back();
            resident_[static_cast<std::size_t>(victim)] = false;
            resident_bytes_ -= assets_[static_cast<std::size_t>(victim)].bytes;
            plan.evict.push_back(victim);
        }
        resident_[static_cast<std::size_t>(id)] = true;
        resident_bytes_ += bytes;
        loaded += bytes;
        plan.load.push_back(id);
    }
    return plan;
}

} // namespace gallery
