// SPDX-License-Identifier: MIT
#include "platform/gpu.hpp"

#include "platform/chance.hpp"
#include "platform/contents.hpp"
#include "platform/process.hpp"
#include "support/signal_guard.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <vector>

namespace platform {
namespace {

using namespace std::chrono_literals;
using support::PAGE;
using Seconds = std::chrono::duration<double>;

// GPUMEM_MADV_COLD, which headers of a driver without a store do not have.
constexpr std::uint32_t COLD = 2;

// Part of memory that is the GPU's: by how much scenes differ, and while one is
// loaded, when there is also what it is made from. 35 % on average.
constexpr double SCENE_PART = 0.34, SCENES_DIFFER = 0.05, LOADING_PART = 0.45;
constexpr unsigned LOADED_EVERY = 6;     // scenes
constexpr std::size_t MOST_PAGES = 1024; // of a buffer
constexpr std::size_t SIDE_BY_SIDE = 32; // buffers filled together, at most
constexpr std::size_t LOOK_EVERY = 32;   // pages filled of each
// Buffers of which some pages are read, and how much of that may be made up
// for.
constexpr auto READ_EVERY = 25ms;
constexpr auto MOST_BEHIND = 1s;
constexpr std::size_t PAGES_READ_AT_ONCE = 64;
constexpr auto TURN = 20ms;
constexpr auto LOADING = 6s;
constexpr auto SCENE_AT_LEAST = 6s;
constexpr double SCENE_LONGER = 12; // seconds more, at most
constexpr auto COLD_AFTER = 4s;

struct Life {
    Seconds mean;
    double part; // of the bytes of all buffers
};
// Frames and scratch; what one sees; what a program keeps.
constexpr std::array<Life, 3> LIVES = {{{2s, 0.25}, {15s, 0.35}, {120s, 0.40}}};
constexpr std::size_t KEPT = 2;

struct Buffer {
    gpumem::Bo bo;
    gpumem::Mapping map;
    std::vector<std::uint64_t> sums; // of the pages filled so far
    std::uint64_t number = 0;
    std::uint64_t chance = 0; // of its own
    Kind kind = Kind::zero;
    std::size_t life = 0;
    Clock::time_point dies;
    Clock::time_point touched;
    bool goes_cold = false;
    bool advised = false;   // and not touched since
    std::vector<bool> cold; // pages that were compressed, as far as one knows
    std::size_t cold_pages = 0;
    bool refused = false;

    [[nodiscard]] std::size_t pages() const { return map.size() / PAGE; }
    [[nodiscard]] std::uint64_t *page(std::size_t at) const {
        return map.as<std::uint64_t>().data() + at * Contents::WORDS;
    }
};

class Gpu {
public:
    Gpu(const Options &options, Shared &shared)
        : options_(options), shared_(shared),
          scenes_(seed_of(options.seed, Of::scenes)),
          reads_(seed_of(options.seed, Of::reads)),
          contents_(seed_of(options.seed, Of::contents)),
          device_(gpumem::Device::open()) {}

    void turn() {
        const auto now = Clock::now();
        if (now >= scene_ends_)
            next_scene();
        drop([&](const Buffer &b) { return b.dies <= now; });
        while (bytes_ < target_ && !shared_.stop && !short_of_memory_)
            make_some();
        short_of_memory_ = false;
        read_what_is_due();
        if (options_.cold)
            advise();
        tell();
    }

private:
    // Another size of all, and a part of what was there is not needed any more:
    // with it go pages that lie between those that stay.
    void next_scene() {
        const bool loading = scene_++ % LOADED_EVERY == 0;
        const double part =
            loading ? LOADING_PART
                    : SCENE_PART + SCENES_DIFFER * (2 * evenly(scenes_) - 1);
        target_ = static_cast<std::uint64_t>(
            part * static_cast<double>(options_.memory));
        scene_ends_ = Clock::now() + LOADING;
        if (!loading)
            scene_ends_ += std::chrono::duration_cast<Clock::duration>(
                SCENE_AT_LEAST - LOADING +
                Seconds(SCENE_LONGER * evenly(scenes_)));
        const double too_much =
            1 - static_cast<double>(target_) / static_cast<double>(bytes_ + 1);
        drop([&](const Buffer &b) {
            Random random(mixed(b.chance, scene_));
            return evenly(random) <
                   std::max(too_much, b.life == KEPT ? 0 : 0.2);
        });
        shared_.scenes = scene_;
    }

    template <typename Which> void drop(Which which) {
        std::erase_if(buffers_, [&](const Buffer &buffer) {
            if (!which(buffer))
                return false;
            bytes_ -= buffer.map.size();
            in_life_[buffer.life] -= buffer.map.size();
            return true;
        });
    }

    // The kind of life of which there is least, so that all are made at a time.
    std::size_t wanted_life(Random &random) {
        const auto lack = [&](std::size_t life) {
            return LIVES[life].part * static_cast<double>(target_) -
                   static_cast<double>(in_life_[life]);
        };
        std::size_t most = 0;
        for (std::size_t life = 1; life < LIVES.size(); ++life)
            if (lack(life) > lack(most))
                most = life;
        // Now and then another one: neighbours with different lives.
        return evenly(random) < 0.5 ? most : random() % LIVES.size();
    }

    // Buffer n is always the same but for its life, of which there is to be
    // enough of each kind at any time.
    Buffer made() {
        Buffer buffer;
        buffer.number = made_;
        buffer.chance =
            mixed(seed_of(options_.seed, Of::buffers), buffer.number);
        Random random(buffer.chance);
        // As many of 4 to 8 KiB as of 2 to 4 MiB.
        const double pages = std::exp2(evenly(random) * std::log2(MOST_PAGES));
        buffer.bo = device_.create(static_cast<std::uint64_t>(pages) * PAGE);
        buffer.map = buffer.bo.map();
        buffer.kind = Contents::random_kind(random);
        const bool seldom = evenly(random) < 0.6;
        const double lives = -std::log(1 - evenly(random)); // of the mean
        buffer.life = wanted_life(random);
        buffer.goes_cold = buffer.life && seldom;
        buffer.sums.reserve(buffer.pages());
        buffer.cold.resize(buffer.pages());
        const double mean = LIVES[buffer.life].mean.count();
        buffer.touched = Clock::now();
        buffer.dies =
            buffer.touched +
            std::chrono::duration_cast<Clock::duration>(Seconds(mean * lives));
        bytes_ += buffer.map.size();
        in_life_[buffer.life] += buffer.map.size();
        made_++;
        shared_.buffers_made++;
        return buffer;
    }

    // False if there is no memory for it, which is counted.
    bool make_one() {
        try {
            buffers_.push_back(made());
            return true;
        } catch (const gpumem::Error &error) {
            const int number = error.code().value();
            if (number != ENOMEM && number != EAGAIN)
                throw;
            shared_.buffers_refused++;
            return false;
        }
    }

    // Page i of each in turn: neighbours in memory belong to different buffers.
    void make_some() {
        const std::size_t first = buffers_.size();
        bool refused = false;
        while (buffers_.size() - first < SIDE_BY_SIDE && bytes_ < target_ &&
               !refused)
            refused = !make_one();
        for (std::size_t page = 0; page < MOST_PAGES && !shared_.stop; ++page) {
            for (std::size_t i = first; i < buffers_.size(); ++i)
                if (page < buffers_[i].pages() && !buffers_[i].refused)
                    fill(buffers_[i], page);
            // What is there is used meanwhile.
            if (page % LOOK_EVERY == 0)
                read_what_is_due();
        }
        short_of_memory_ =
            refused || std::ranges::any_of(buffers_, &Buffer::refused);
        drop([](const Buffer &b) { return b.refused; });
    }

    // The touch alone is timed; 0 or the signal that it got.
    static int touch(std::uint64_t *page, Histogram &times) {
        Clock::duration took{};
        const int signal = support::SignalGuard::run([page, &took] {
            const auto begun = Clock::now();
            *static_cast<volatile std::uint64_t *>(page);
            took = Clock::now() - begun;
        });
        if (!signal)
            times.add(took);
        return signal;
    }

    void fill(Buffer &buffer, std::size_t page) {
        if (touch(buffer.page(page), shared_.first_touch)) {
            shared_.pages_refused++;
            buffer.refused = true;
            return;
        }
        buffer.sums.push_back(contents_.fill(
            buffer.page(page), buffer.kind, buffer.number * MOST_PAGES + page));
        shared_.pages_filled++;
    }

    void read_what_is_due() {
        const auto now = Clock::now();
        for (next_read_ = std::max(next_read_, now - MOST_BEHIND);
             next_read_ <= now && !shared_.stop; next_read_ += READ_EVERY)
            touch_some();
    }

    void touch_some() {
        if (buffers_.empty())
            return;
        Buffer &buffer = buffers_[reads_() % buffers_.size()];
        // The cold are seldom wanted, also by a load that does not advise them.
        if (evenly(reads_) < 0.5 && is_cold(buffer))
            return;
        const std::size_t count =
            std::min(PAGES_READ_AT_ONCE, buffer.sums.size());
        const std::size_t start = reads_() % (buffer.sums.size() - count + 1);
        for (std::size_t at = start; at < start + count; ++at)
            verify(buffer, at);
        buffer.touched = Clock::now();
        buffer.advised = false;
    }

    void verify(Buffer &buffer, std::size_t at) {
        Histogram &times = buffer.cold[at] ? shared_.cold_touch : shared_.touch;
        std::uint64_t sum = 0;
        const std::uint64_t *page = buffer.page(at);
        // It may leave memory again between the touch and the reading.
        if (touch(buffer.page(at), times) || support::SignalGuard::run([&] {
                sum = Contents::checksum(page);
            })) {
            shared_.pages_refused++;
            return;
        }
        if (buffer.cold[at]) {
            buffer.cold[at] = false;
            buffer.cold_pages--;
        }
        shared_.pages_verified++;
        if (sum != buffer.sums[at])
            shared_.pages_wrong++;
    }

    static bool is_cold(const Buffer &buffer) {
        return buffer.goes_cold && Clock::now() - buffer.touched > COLD_AFTER;
    }

    void advise() {
        for (Buffer &buffer : buffers_)
            if (!buffer.advised && is_cold(buffer)) {
                gpumem::detail::check(
                    gpumem_bo_madvise(buffer.bo.get(), COLD, nullptr),
                    "gpumem_bo_madvise");
                buffer.advised = true;
                // Noise does not get smaller, and stays.
                if (buffer.kind == Kind::noise)
                    continue;
                std::fill_n(buffer.cold.begin(), buffer.sums.size(), true);
                buffer.cold_pages = buffer.sums.size();
            }
    }

    void tell() {
        std::uint64_t cold = 0;
        for (const Buffer &buffer : buffers_)
            cold += buffer.cold_pages * PAGE;
        shared_.buffers = buffers_.size();
        shared_.buffer_bytes = bytes_;
        shared_.buffer_target = target_;
        shared_.cold_bytes = cold;
    }

    const Options &options_;
    Shared &shared_;
    Random scenes_;
    Random reads_;
    Contents contents_;
    gpumem::Device device_;
    std::vector<Buffer> buffers_;
    std::array<std::uint64_t, LIVES.size()> in_life_{};
    std::uint64_t bytes_ = 0;
    std::uint64_t target_ = 0;
    std::uint64_t made_ = 0;
    unsigned scene_ = 0;
    Clock::time_point scene_ends_;
    Clock::time_point next_read_;
    bool short_of_memory_ = false;
};

} // namespace

void run_gpu(const Options &options, Shared &shared) {
    const support::SignalGuard guard;
    Gpu gpu(options, shared);
    // Into a memory that is full: else the first buffers lie side by side.
    while (!shared.full && !shared.stop)
        rest(shared, 100ms);
    while (!shared.stop) {
        gpu.turn();
        rest(shared, TURN);
    }
}

} // namespace platform
