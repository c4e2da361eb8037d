// SPDX-License-Identifier: MIT
#include "platform/contents.hpp"

#include <algorithm>
#include <string_view>

namespace platform {
namespace {

using Page = Contents::Page;

constexpr std::array<std::string_view, 16> LETTERS = {
    "buffer ", "page ",   "the ",  "kernel ", "moves ",  "a ",
    "free ",   "of ",     "block", " = ",     "struct ", "return ",
    "0x",      "memory ", ";\n",   "and "};

std::span<unsigned char> bytes_of(Page &page) {
    return {reinterpret_cast<unsigned char *>(page.data()), sizeof(page)};
}

void write_text(Page &page, Random &random) {
    const auto bytes = bytes_of(page);
    for (std::size_t at = 0; at < bytes.size();) {
        const auto word = LETTERS[random() % LETTERS.size()];
        const auto part = word.substr(0, bytes.size() - at);
        std::ranges::copy(part, bytes.begin() + static_cast<long>(at));
        at += part.size();
        if (at < bytes.size() && random() % 4 == 0)
            bytes[at++] = static_cast<unsigned char>('a' + random() % 26);
    }
}

// Smooth colours with noise in the lowest bits: four bytes a pixel.
void write_image(Page &page, Random &random) {
    const auto bytes = bytes_of(page);
    std::array<double, 3> colour{}, slope{};
    for (std::size_t at = 0; at < bytes.size(); at += 4) {
        if (at % 1024 == 0)
            for (std::size_t i = 0; i < 3; ++i) {
                colour[i] = static_cast<double>(random() % 256);
                slope[i] = (static_cast<double>(random() % 200) - 100) / 200;
            }
        for (std::size_t i = 0; i < 3; ++i) {
            colour[i] = std::clamp(colour[i] + slope[i], 0.0, 254.0);
            bytes[at + i] = static_cast<unsigned char>(
                static_cast<unsigned>(colour[i]) + (random() % 8 == 0));
        }
        bytes[at + 3] = 255;
    }
}

void write_noise(Page &page, Random &random) {
    std::ranges::generate(page, random);
}

} // namespace

Contents::Contents(std::uint64_t seed) {
    Random random(seed);
    for (Page &page : text_)
        write_text(page, random);
    for (Page &page : image_)
        write_image(page, random);
    for (Page &page : noise_)
        write_noise(page, random);
}

std::uint64_t Contents::fill(std::uint64_t *page, Kind kind,
                             std::uint64_t number) const {
    const auto copy = [&](const auto &patterns) {
        std::ranges::copy(patterns[number % PATTERNS], page);
        page[number * 9 % WORDS] = number;
    };
    switch (kind) {
    case Kind::zero:
        std::fill_n(page, WORDS, 0);
        break;
    case Kind::same:
        std::fill_n(page, WORDS, number % 255 * 0x0101010101010101U);
        break;
    case Kind::text:
        copy(text_);
        break;
    case Kind::image:
        copy(image_);
        break;
    case Kind::noise:
        copy(noise_);
        break;
    }
    return checksum(page);
}

std::uint64_t Contents::checksum(const std::uint64_t *page) {
    std::uint64_t sum = 0xcbf29ce484222325U;
    for (std::size_t i = 0; i < WORDS; ++i)
        sum = (sum ^ page[i]) * 0x100000001b3U;
    return sum;
}

Kind Contents::random_kind(Random &random) {
    constexpr std::array<Kind, 20> OFTEN = {
        Kind::zero,  Kind::zero,  Kind::same,  Kind::text,  Kind::text,
        Kind::text,  Kind::text,  Kind::text,  Kind::image, Kind::image,
        Kind::image, Kind::image, Kind::image, Kind::image, Kind::image,
        Kind::image, Kind::image, Kind::noise, Kind::noise, Kind::noise};
    return OFTEN[random() % OFTEN.size()];
}

} // namespace platform
