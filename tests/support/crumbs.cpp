// SPDX-License-Identifier: MIT
#include "support/crumbs.hpp"

#include "support/debugfs.hpp"
#include "support/kernel_config.hpp"
#include "support/system.hpp"

#include <algorithm>
#include <span>

namespace support {
namespace {

constexpr std::size_t SIZE = 1 << 20;
constexpr std::size_t WORDS = PAGE / sizeof(std::uint64_t);

std::uint64_t word(std::uint64_t buffer, std::size_t at) {
    return (buffer << 32 | at) * 0x9e3779b97f4a7c15U;
}

// Where a fault takes as long as a hundred elsewhere: enough that thousands of
// pages are left to move, and never more than a third of the memory.
constexpr std::size_t AT_MOST = 128;

std::size_t bearable(std::size_t buffers) {
    if (!checks_itself())
        return buffers;
    const std::size_t third = all_memory() / 3 / SIZE;
    return std::min({buffers, AT_MOST, third}) / 4 * 4;
}

// Where in each four pages the one lies that stays. Were it the same place
// everywhere, every 32nd page frame could be one of those: and those are the
// only ones that compaction's free scanner looks at once it has met some blocks
// without a free page (isolate_freepages(), its stride), so that nothing moves.
std::size_t place_of_kept(std::size_t page, std::size_t four) {
    return word(page, four) >> 62;
}

} // namespace

Crumbs::Crumbs(const gpumem::Device &device, std::size_t wanted) {
    const std::size_t buffers = bearable(wanted);
    std::vector<Buffer> all;
    for (std::size_t i = 0; i < buffers; ++i) {
        gpumem::Bo bo = device.create(SIZE);
        gpumem::Mapping map = bo.map();
        all.push_back({std::move(bo), std::move(map), i, 0});
    }
    const auto ids = object_ids();
    for (Buffer &buffer : all)
        buffer.id = ids.at(ids.size() - buffers + buffer.number);
    for (std::size_t page = 0; page < SIZE / PAGE; ++page)
        for (std::size_t i = 0; i < buffers; ++i) {
            const std::size_t turn = 4 - place_of_kept(page, i / 4);
            Buffer &buffer = all[i / 4 * 4 + (i + turn) % 4];
            const auto words = buffer.map.as<std::uint64_t>();
            const std::size_t first = page * WORDS;
            if (buffer.number % 4)
                words[first] = 1;
            else
                for (std::size_t at = first; at < first + WORDS; ++at)
                    words[at] = word(buffer.number, at);
        }
    for (Buffer &buffer : all)
        if (buffer.number % 4 == 0)
            kept_.push_back(std::move(buffer));
}

std::string Crumbs::first_wrong() const {
    for (const Buffer &buffer : kept_) {
        const auto words = buffer.map.as<std::uint64_t>();
        for (std::size_t at = 0; at < words.size(); ++at)
            if (words[at] != word(buffer.number, at))
                return "buffer " + std::to_string(buffer.number) + ", page " +
                       std::to_string(at / WORDS) + ", word " +
                       std::to_string(at % WORDS);
    }
    return {};
}

std::uint64_t move_pages(const gpumem::Device &device, std::uint64_t pages) {
    const std::uint64_t before = device.stats().moved;
    for (int i = 0; i < 20 && device.stats().moved - before < pages; ++i)
        compact_memory();
    return device.stats().moved - before;
}

} // namespace support
