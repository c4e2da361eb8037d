// SPDX-License-Identifier: MIT
// Contents that compress in one way or another, and the driver's compressed store.
#pragma once

#include "support/debugfs.hpp"
#include "support/purge.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace support {

inline const std::string STORE_PARAMETERS =
    "/sys/module/gpumem_helper/parameters/";

// A figure of the debugfs file "store".
inline std::uint64_t store_figure(const std::string &key) {
    return value_of(GPUMEM_DEBUGFS + "store", key);
}

// Not zsmalloc, which is there to compare with.
inline bool store_is_ours() {
    return read_file(STORE_PARAMETERS + "store") == "gpumem\n";
}

// Contents of one page; the seed makes each different.
enum class Contents { zero, same, text, image, random };

inline std::vector<std::byte> page_of(Contents what, std::uint32_t seed) {
    std::vector<std::byte> page(PAGE);
    std::mt19937 random(seed);
    const auto put = [&](std::size_t at, std::uint64_t value) {
        page[at] = static_cast<std::byte>(value);
    };
    switch (what) {
    case Contents::zero:
        break;
    case Contents::same: {
        const std::uint32_t word = 0x80ff8000U + seed;
        for (std::size_t at = 0; at < PAGE; at += sizeof(word))
            std::memcpy(&page[at], &word, sizeof(word));
        break;
    }
    case Contents::text: {
        // More words in some pages than in others, so that sizes differ.
        static constexpr const char *WORDS[] = {
            "buffer ", "page ", "moves ", "while ", "nobody ", "looks ",
            "at ",     "it, ",  "and ",   "comes ", "back ",   "whole. "};
        std::string text = "Page " + std::to_string(seed) + ": ";
        while (text.size() < PAGE) {
            text += WORDS[random() % (2 + seed % 11)];
            if (random() % 8 < seed % 5)
                text += std::to_string(random());
        }
        std::memcpy(page.data(), text.data(), PAGE);
        break;
    }
    case Contents::image:
        for (std::size_t at = 0; at < PAGE; ++at)
            put(at, at / 64 + at % 4 * 60 + seed +
                        (at % 7 ? 0 : random() % 4));
        break;
    case Contents::random:
        for (std::size_t at = 0; at < PAGE; ++at)
            put(at, random());
        break;
    }
    return page;
}

// Page @index of a mapping.
inline std::span<std::byte> page_at(const gpumem::Mapping &map,
                                    std::size_t index) {
    return {map.data() + index * PAGE, PAGE};
}

inline void fill_page(const gpumem::Mapping &map, std::size_t index,
                      Contents what, std::uint32_t seed) {
    const auto page = page_of(what, seed);
    std::memcpy(page_at(map, index).data(), page.data(), PAGE);
}

inline bool page_is(const gpumem::Mapping &map, std::size_t index,
                    Contents what, std::uint32_t seed) {
    const auto page = page_of(what, seed);
    return std::memcmp(page_at(map, index).data(), page.data(), PAGE) == 0;
}

// Advises COLD until so many pages are compressed. What was touched just now may
// be in a batch of some CPU for a while.
inline bool becomes_cold(const gpumem::Bo &bo, std::uint64_t pages) {
    for (int i = 0; i < 100; ++i) {
        bo.madvise(GPUMEM_BO_COLD);
        if (bo.query().cold_pages >= pages)
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

// A parameter of the helper for as long as this lives.
class StoreParameter {
public:
    StoreParameter(const std::string &name, const std::string &value)
        : path_(STORE_PARAMETERS + name), before_(read_file(path_)) {
        write_file(path_, value);
    }
    StoreParameter(const StoreParameter &) = delete;
    StoreParameter &operator=(const StoreParameter &) = delete;
    ~StoreParameter() { (void)write_errno(path_, before_); }

private:
    std::string path_;
    std::string before_;
};

} // namespace support
