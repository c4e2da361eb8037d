// SPDX-License-Identifier: MIT
// Pages of the compressed store move, in three ways, and nothing that is in them is
// lost, whoever reads or writes meanwhile.
#include "support/cold.hpp"
#include "support/crumbs.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using support::Contents;
using support::store_figure;

namespace {

constexpr std::size_t BUFFERS = 12;
constexpr std::size_t PAGES = 256;
// One page of so many stays in the store, so that the store's are nearly empty.
constexpr std::size_t KEPT = 5;
constexpr auto PATIENCE = std::chrono::seconds(60);
constexpr auto QUIET = std::chrono::milliseconds(600);

class ColdMoves : public testing::Test {
protected:
    ColdMoves() {
        for (std::size_t b = 0; b < BUFFERS; ++b) {
            bos.push_back(device.create(PAGES * support::PAGE));
            maps.push_back(bos.back().map());
            for (std::size_t i = 0; i < PAGES; ++i)
                support::fill_page(maps[b], i, Contents::text, seed(b, i));
        }
    }

    static std::uint32_t seed(std::size_t buffer, std::size_t page) {
        return static_cast<std::uint32_t>(buffer * PAGES + page);
    }
    [[nodiscard]] bool right(std::size_t buffer, std::size_t page) const {
        return support::page_is(maps[buffer], page, Contents::text,
                                seed(buffer, page));
    }

    // As far as others let it.
    void make_sparse() const {
        for (int i = 0; i < 2; ++i)
            for (const Bo &each : bos)
                each.madvise(GPUMEM_BO_COLD);
        for (std::size_t b = 0; b < BUFFERS; ++b)
            for (std::size_t i = 0; i < PAGES; ++i)
                if ((b + i) % KEPT)
                    (void)*static_cast<volatile std::byte *>(
                        maps[b].data() + i * support::PAGE);
    }

    // Makes the store sparse and compacts, while others touch and compress, until
    // @figure has grown. With memory in crumbs the store's pages lie everywhere, and
    // compaction has reason to move them.
    void expect_lossless(const std::string &policy, const std::string &figure) {
        const support::StoreParameter chosen("store_policy", policy);
        const auto before = store_figure(figure);
        const auto packed = store_figure("packed");
        const auto end = std::chrono::steady_clock::now() + PATIENCE;
        std::atomic<unsigned> wrong = 0;
        {
            const std::jthread toucher([&](const std::stop_token &stop) {
                std::mt19937 random(1);
                while (!stop.stop_requested()) {
                    const std::size_t b = random() % BUFFERS;
                    for (int n = 0; n < 8; ++n)
                        wrong += !right(b, random() % PAGES);
                    if (random() % 16 == 0)
                        bos[b].madvise(GPUMEM_BO_COLD);
                    std::this_thread::yield();
                }
            });
            do {
                const support::Crumbs crumbs(device);
                make_sparse();
                // Then a request is the first after a while.
                std::this_thread::sleep_for(QUIET);
                support::compact_memory();
            } while (support::store_is_ours() && store_figure(figure) == before &&
                     std::chrono::steady_clock::now() < end);
        }
        // What zsmalloc does with its pages it does not say.
        if (support::store_is_ours()) {
            EXPECT_GT(store_figure(figure), before)
                << support::read_file(support::GPUMEM_DEBUGFS + "store");
        }
        if (policy == "whole") {
            EXPECT_EQ(store_figure("packed"), packed);
        }
        EXPECT_EQ(wrong, 0U);
        EXPECT_LE(store_figure("steps_max"), 4U);
        for (std::size_t b = 0; b < BUFFERS; ++b)
            for (std::size_t i = 0; i < PAGES; ++i)
                ASSERT_TRUE(right(b, i)) << "page " << i << " of buffer " << b;
    }

    const Device device = Device::open();
    std::vector<Bo> bos;
    std::vector<gpumem::Mapping> maps;
};

// Memory that is held for each byte that is stored, handles and all.
TEST_F(ColdMoves, TheStoreIsDense) {
    for (const Bo &each : bos)
        ASSERT_TRUE(support::becomes_cold(each, PAGES));
    const auto stored = static_cast<double>(store_figure("stored_bytes"));
    const auto held = static_cast<double>(store_figure("held_bytes") +
                                          store_figure("handle_bytes"));
    std::cout << "pieces of " << stored / (BUFFERS * PAGES) << " bytes, held "
              << held / stored << " for each byte\n";
    RecordProperty("held_per_byte", std::to_string(held / stored));
    // zsmalloc is there to compare with.
    if (support::store_is_ours()) {
        EXPECT_LT(held / stored, 1.10);
    }
}

TEST_F(ColdMoves, WholeLosesNothing) {
    expect_lossless("whole", "moved_whole");
}

TEST_F(ColdMoves, NominateLosesNothing) {
    expect_lossless("nominate", "emptied");
}

TEST_F(ColdMoves, HybridLosesNothing) {
    expect_lossless("hybrid", "packed");
}

TEST_F(ColdMoves, ThePolicyMayChangeAtAnyTime) {
    const support::StoreParameter chosen("store_policy", "whole");
    make_sparse();
    // What it takes for the other policies to move anything may not be there.
    const auto before = store_figure("moved_whole");
    std::atomic<unsigned> wrong = 0;
    {
        const std::jthread switcher([](const std::stop_token &stop) {
            static constexpr const char *POLICIES[] = {"whole", "nominate",
                                                       "hybrid"};
            for (unsigned n = 0; !stop.stop_requested(); ++n)
                support::write_file(
                    support::STORE_PARAMETERS + "store_policy",
                    POLICIES[n % 3]);
        });
        const std::jthread compactor([](const std::stop_token &stop) {
            while (!stop.stop_requested())
                support::compact_memory();
        });
        std::mt19937 random(2);
        const auto start = std::chrono::steady_clock::now();
        const auto any_has_moved = [&] {
            return !support::store_is_ours() || store_figure("moved_whole") > before;
        };
        for (auto now = start; now < start + std::chrono::seconds(5) ||
                               (!any_has_moved() && now < start + PATIENCE);
             now = std::chrono::steady_clock::now()) {
            const std::size_t b = random() % BUFFERS;
            for (int n = 0; n < 8; ++n)
                wrong += !right(b, random() % PAGES);
            bos[b].madvise(GPUMEM_BO_COLD);
        }
    }
    EXPECT_EQ(wrong, 0U);
    EXPECT_TRUE(!support::store_is_ours() || store_figure("moved_whole") > before);
    EXPECT_LE(store_figure("steps_max"), 4U);
    for (std::size_t b = 0; b < BUFFERS; ++b)
        for (std::size_t i = 0; i < PAGES; ++i)
            ASSERT_TRUE(right(b, i)) << "page " << i << " of buffer " << b;
}

} // namespace
