// SPDX-License-Identifier: MIT
#include "streaming.hpp"

#include <gtest/gtest.h>

#include <set>

namespace gallery {
namespace {

constexpr int kTestRooms = 12;

// Ten assets a room, of different sizes; every second one in high detail.
std::vector<AssetInfo> assets() {
    std::vector<AssetInfo> all;
    for (int room = 0; room < kTestRooms; room++)
        for (int i = 0; i < 10; i++) {
            const bool high = i % 2 != 0;
            all.push_back({room, high ? Detail::High : Detail::Low,
                           (high ? 40U : 4U) * 4096U +
                               static_cast<unsigned>(room + i) * 4096U});
        }
    return all;
}

StreamingConfig config(std::uint64_t budget) {
    StreamingConfig c;
    c.rooms = kTestRooms;
    c.budget = budget;
    c.bytes_a_step = 64 * 4096;
    return c;
}

constexpr std::uint64_t kBudget = 5 << 20;
constexpr int kFramesARoom = 44;

// What a walk does, checked in every step.
class Walk {
public:
    Walk() : streaming_(all_, config(kBudget)) { apply(streaming_.fill(0)); }

    StreamingPlan step(int frame) {
        StreamingPlan plan = streaming_.step(frame / kFramesARoom);
        apply(plan);
        return plan;
    }

    const std::vector<AssetInfo> &all() const { return all_; }
    const std::set<int> &there() const { return there_; }
    const Streaming &streaming() const { return streaming_; }

    std::uint64_t bytes(const std::vector<int> &ids) const {
        std::uint64_t sum = 0;
        for (const int id : ids)
            sum += all_[static_cast<std::size_t>(id)].bytes;
        return sum;
    }

private:
    void apply(const StreamingPlan &plan) {
        for (const int id : plan.evict)
            EXPECT_EQ(there_.erase(id), 1U) << "evicts what is not there";
        for (const int id : plan.load)
            EXPECT_TRUE(there_.insert(id).second) << "loads what is there";
    }

    const std::vector<AssetInfo> all_ = assets();
    Streaming streaming_;
    std::set<int> there_;
};

TEST(Streaming, NeverExceedsItsBudgetAndKnowsWhatIsThere) {
    Walk walk;
    for (int frame = 0; frame < 30 * kFramesARoom; frame++) {
        walk.step(frame);
        const std::vector<int> ids(walk.there().begin(), walk.there().end());
        EXPECT_LE(walk.bytes(ids), kBudget);
        EXPECT_EQ(walk.bytes(ids), walk.streaming().resident_bytes());
        for (int id = 0; id < static_cast<int>(walk.all().size()); id++)
            ASSERT_EQ(walk.streaming().resident(id), walk.there().contains(id));
    }
}

TEST(Streaming, LoadsAtMostAStepsBytesOrOneAsset) {
    Walk walk;
    std::size_t loaded = 0;
    for (int frame = 0; frame < 30 * kFramesARoom; frame++) {
        const StreamingPlan plan = walk.step(frame);
        loaded += plan.load.size();
        if (plan.load.size() > 1) {
            EXPECT_LE(walk.bytes(plan.load), 64U * 4096U);
        }
    }
    EXPECT_GT(loaded, walk.all().size()) << "nothing was streamed";
}

TEST(Streaming, SameStepsGiveTheSamePlans) {
    Walk a;
    Walk b;
    for (int frame = 0; frame < 10 * kFramesARoom; frame++) {
        const StreamingPlan one = a.step(frame);
        const StreamingPlan two = b.step(frame);
        EXPECT_EQ(one.evict, two.evict);
        EXPECT_EQ(one.load, two.load);
    }
}

TEST(Streaming, EveryRoomThatCanBeSeenIsThereInLowDetail) {
    Walk walk;
    for (int frame = 0; frame < 30 * kFramesARoom; frame++) {
        walk.step(frame);
        // Half a room is enough to stream in what the doorway brought.
        if (frame % kFramesARoom < kFramesARoom / 2)
            continue;
        const int room = frame / kFramesARoom;
        for (int id = 0; id < static_cast<int>(walk.all().size()); id++) {
            const AssetInfo &asset = walk.all()[static_cast<std::size_t>(id)];
            const int ahead =
                (asset.room - room % kTestRooms + kTestRooms) % kTestRooms;
            if (asset.detail == Detail::Low && ahead <= 5) {
                EXPECT_TRUE(walk.there().contains(id)) << frame << ' ' << id;
            }
        }
    }
}

TEST(Streaming, NeverEvictsLowDetailThatCanBeSeen) {
    Walk walk;
    for (int frame = 0; frame < 30 * kFramesARoom; frame++) {
        const std::set<int> before = walk.there();
        const int room = frame / kFramesARoom;
        for (const int id : walk.step(frame).evict) {
            const int at = walk.all()[static_cast<std::size_t>(id)].room;
            const int ahead =
                (at - room % kTestRooms + kTestRooms) % kTestRooms;
            const bool high =
                walk.all()[static_cast<std::size_t>(id)].detail == Detail::High;
            EXPECT_TRUE(before.contains(id));
            // High detail may be wanted and yet be beyond the budget.
            if (!high) {
                EXPECT_GT(ahead, 5) << "evicts a room that can be seen";
            }
        }
    }
}

TEST(Streaming, EvictsTheFarthestOfWhatIsNotWanted) {
    // One asset a room, which alone is wanted there; space for three.
    std::vector<AssetInfo> all;
    for (int room = 0; room < kTestRooms; room++)
        all.push_back({room, Detail::Low, 4096});
    StreamingConfig narrow = config(3 * 4096);
    narrow.low_behind = narrow.low_ahead = 0;
    narrow.high_behind = narrow.high_ahead = 0;
    Streaming streaming(all, narrow);
    for (const int room : {9, 7, 8})
        EXPECT_EQ(streaming.step(room).load, std::vector<int>{room});
    EXPECT_EQ(streaming.step(6).evict, std::vector<int>{9});
    EXPECT_EQ(streaming.step(5).evict, std::vector<int>{8});
}

TEST(Streaming, LeastBudgetIsEnoughForLowDetailAndNoLessIs) {
    const std::vector<AssetInfo> all = assets();
    const std::uint64_t least = Streaming(all, config(kBudget)).least_budget();
    for (int room = 0; room < kTestRooms; room++) {
        Streaming enough(all, config(least));
        enough.fill(room);
        for (int id = 0; id < static_cast<int>(all.size()); id++) {
            const AssetInfo &asset = all[static_cast<std::size_t>(id)];
            const int ahead = (asset.room - room + kTestRooms) % kTestRooms;
            if (asset.detail == Detail::Low &&
                (ahead <= 5 || ahead == kTestRooms - 1)) {
                EXPECT_TRUE(enough.resident(id)) << room << ' ' << id;
            }
        }
    }
    bool missing = false;
    for (int room = 0; room < kTestRooms; room++) {
        Streaming less(all, config(least - 4096));
        less.fill(room);
        for (int id = 0; id < static_cast<int>(all.size()); id++) {
            const AssetInfo &asset = all[static_cast<std::size_t>(id)];
            const int ahead = (asset.room - room + kTestRooms) % kTestRooms;
            missing |= asset.detail == Detail::Low &&
                       (ahead <= 5 || ahead == kTestRooms - 1) &&
                       !less.resident(id);
        }
    }
    EXPECT_TRUE(missing);
}

} // namespace
} // namespace gallery
