// SPDX-License-Identifier: MIT
// Which assets are in memory in which frame. Pure policy: it counts bytes and
// answers with ids, and the same steps give the same answers in every run.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace gallery {

enum class Detail : std::uint8_t {
    Low,  // wanted in every room that can be seen
    High, // wanted in the rooms close by
};

struct AssetInfo {
    int room = 0; // 0 .. rooms - 1; the walk goes round and round
    Detail detail = Detail::Low;
    std::uint64_t bytes = 0;
};

struct StreamingConfig {
    int rooms = 1;
    std::uint64_t budget = 0; // bytes resident, never exceeded
    std::uint64_t bytes_a_step =
        0; // uploads a step; at least one asset goes through
    int low_behind = 1, low_ahead = 5;
    int high_behind = 1, high_ahead = 4;
};

struct StreamingPlan {
    std::vector<int> evict; // first these, in this order
    std::vector<int> load;  // then these
};

class Streaming {
public:
    Streaming(std::vector<AssetInfo> assets, const StreamingConfig &config);

    // The least budget with which every room that can be seen is there in low
    // detail.
    [[nodiscard]] std::uint64_t least_budget() const;

    // Everything that is wanted at this place, at once: before the first frame.
    StreamingPlan fill(std::int64_t room);

    // One frame's worth.
    StreamingPlan step(std::int64_t room);

    [[nodiscard]] bool resident(int asset) const {
        return resident_[static_cast<std::size_t>(asset)];
    }
    [[nodiscard]] std::uint64_t resident_bytes() const {
        return resident_bytes_;
    }

private:
    [[nodiscard]] int rooms_ahead(int asset, std::int64_t room) const;
    [[nodiscard]] std::vector<int> wanted(std::int64_t room) const;
    StreamingPlan run(std::int64_t room, std::uint64_t most_bytes);

    std::vector<AssetInfo> assets_;
    StreamingConfig config_;
    std::vector<bool> resident_;
    std::uint64_t resident_bytes_ = 0;
};

} // namespace gallery
