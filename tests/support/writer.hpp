// SPDX-License-Identifier: MIT
// A thread that writes a mapping without pause, and knows whether a write got
// lost.
#pragma once

#include "support/system.hpp"

#include <gpumem/gpumem.hpp>

#include <atomic>
#include <thread>

namespace support {

// Counts up the first word of every page of a mapping, which nobody else writes;
// the rest of each page holds its number.
class Writer {
public:
    explicit Writer(const gpumem::Mapping &map)
        : words_(map.as<std::uint64_t>()) {
        for (std::size_t at = 0; at < words_.size(); ++at)
            words_[at] = at % WORDS ? at : 0;
        thread_ = std::thread([this] {
            do {
                for (std::size_t at = 0; at < words_.size(); at += WORDS)
                    word(at) = word(at) + 1;
                ++rounds_;
            } while (!stop_);
        });
    }
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;
    ~Writer() { stop(); }

    // Ends the writing; the number of words that are not what was written.
    std::size_t wrong() {
        stop();
        std::size_t count = 0;
        for (std::size_t at = 0; at < words_.size(); ++at)
            count += words_[at] != (at % WORDS ? at : rounds_);
        return count;
    }

private:
    static constexpr std::size_t WORDS = PAGE / sizeof(std::uint64_t);

    void stop() {
        stop_ = true;
        if (thread_.joinable())
            thread_.join();
    }
    volatile std::uint64_t &word(std::size_t at) { return words_[at]; }

    std::span<std::uint64_t> words_;
    std::uint64_t rounds_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

} // namespace support
