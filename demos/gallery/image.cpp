// SPDX-License-Identifier: MIT
#include "image.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "error.hpp"

// Only the two formats of the gallery's files.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace gallery {

namespace {

std::uint8_t to_byte(float v) {
    return static_cast<std::uint8_t>(std::clamp(v, 0.0F, 255.0F) + 0.5F);
}

// Every brightness's colour, so that a pixel costs one look-up.
std::array<Pixel, 256> gradient_table(const Gradient &gradient) {
    std::array<Pixel, 256> table{};
    for (std::size_t i = 0; i < table.size(); i++) {
        const float at = static_cast<float>(i) / 127.5F;
        const glm::vec3 low = at < 1 ? gradient[0] : gradient[1];
        const glm::vec3 high = at < 1 ? gradient[1] : gradient[2];
        const glm::vec3 colour =
            (low + (high - low) * (at < 1 ? at : at - 1)) * 255.0F;
        table[i] = {to_byte(colour.x), to_byte(colour.y), to_byte(colour.z),
                    255};
    }
    return table;
}

// Between two neighbouring pixels, in 1/256.
unsigned blend(unsigned a, unsigned b, unsigned part) {
    return (a * (256 - part) + b * part) >> 8;
}

} // namespace

Image load_image(const std::filesystem::path &path) {
    int width = 0;
    int height = 0;
    int channels = 0;
    const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> data(
        stbi_load(path.c_str(), &width, &height, &channels, 4),
        &stbi_image_free);
    if (!data)
        throw Error("cannot read the picture " + path.string() + ": " +
                    stbi_failure_reason());
    Image image{width, height, {}};
    image.pixels.resize(static_cast<std::size_t>(width) *
                        static_cast<std::size_t>(height));
    std::memcpy(image.pixels.data(), data.get(),
                image.pixels.size() * sizeof(Pixel));
    return image;
}

Image render_recipe(const Image &source, const TextureRecipe &recipe,
                    int size) {
    Image out{size, size, {}};
    out.pixels.resize(static_cast<std::size_t>(size) *
                      static_cast<std::size_t>(size));
    std::array<Pixel, 256> colours{};
    if (recipe.gradient)
        colours = gradient_table(*recipe.gradient);

    // Positions in the source, 1/256 pixel.
    const auto fixed = [](float v, int extent) {
        return static_cast<long>(v * static_cast<float>(extent) * 256.0F);
    };
    const long left = fixed(recipe.crop.x, source.width);
    const long top = fixed(recipe.crop.y, source.height);
    const long step_x = fixed(recipe.crop.z, source.width) / size;
    const long step_y = fixed(recipe.crop.w, source.height) / size;
    const long last_x = source.width - 1;
    const long last_y = source.height - 1;

    Pixel *to = out.pixels.data();
    for (int y = 0; y < size; y++) {
        const long at_y = top + y * step_y;
        const int y0 = static_cast<int>(std::clamp(at_y >> 8, 0L, last_y));
        const int y1 = static_cast<int>(std::min<long>(y0 + 1, last_y));
        const unsigned part_y = static_cast<unsigned>(at_y & 255);
        for (int x = 0; x < size; x++) {
            const long at_x =
                left + (recipe.mirrored ? size - 1 - x : x) * step_x;
            const int x0 = static_cast<int>(std::clamp(at_x >> 8, 0L, last_x));
            const int x1 = static_cast<int>(std::min<long>(x0 + 1, last_x));
            const unsigned part_x = static_cast<unsigned>(at_x & 255);
            const Pixel &a = source.at(x0, y0);
            const Pixel &b = source.at(x1, y0);
            const Pixel &c = source.at(x0, y1);
            const Pixel &d = source.at(x1, y1);
            Pixel mixed{};
            for (std::size_t k = 0; k < 3; k++)
                mixed[k] = static_cast<std::uint8_t>(
                    blend(blend(a[k], b[k], part_x), blend(c[k], d[k], part_x),
                          part_y));
            mixed[3] = 255;
            if (recipe.gradient)
                mixed = colours[(mixed[0] * 77U + mixed[1] * 150U +
                                 mixed[2] * 29U) >>
                                8];
            *to++ = mixed;
        }
    }
    return out;
}

Image half_size(const Image &image) {
    Image out{std::max(1, image.width / 2), std::max(1, image.height / 2), {}};
    out.pixels.reserve(static_cast<std::size_t>(out.width) *
                       static_cast<std::size_t>(out.height));
    for (int y = 0; y < out.height; y++) {
        const int y1 = std::min(2 * y + 1, image.height - 1);
        for (int x = 0; x < out.width; x++) {
            const int x1 = std::min(2 * x + 1, image.width - 1);
            const Pixel &a = image.at(2 * x, 2 * y);
            const Pixel &b = image.at(x1, 2 * y);
            const Pixel &c = image.at(2 * x, y1);
            const Pixel &d = image.at(x1, y1);
            Pixel mean{};
            for (std::size_t k = 0; k < 4; k++)
                mean[k] = static_cast<std::uint8_t>(
                    (a[k] + b[k] + c[k] + d[k] + 2) / 4);
            out.pixels.push_back(mean);
        }
    }
    return out;
}

int mip_levels(int size) {
    return std::bit_width(static_cast<unsigned>(size));
}

} // namespace gallery
