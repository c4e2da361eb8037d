// SPDX-License-Identifier: MIT
// Pictures in CPU memory: reading PNG and JPEG files, and making a texture's
// mip levels from a recipe that says which part of which picture, in which
// colours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include <glm/vec3.hpp>
#include <glm/vec4.hpp>

namespace gallery {

using Pixel = std::array<std::uint8_t, 4>; // R, G, B, A

struct Image {
    int width = 0;
    int height = 0;
    std::vector<Pixel> pixels;

    [[nodiscard]] const Pixel &at(int x, int y) const {
        return pixels[static_cast<std::size_t>(y) *
                          static_cast<std::size_t>(width) +
                      static_cast<std::size_t>(x)];
    }
};

// Brightness of the source chooses the colour: 0 the first, 0.5 the second, 1
// the third.
using Gradient = std::array<glm::vec3, 3>;

struct TextureRecipe {
    int source = 0; // index into the gallery's pictures
    glm::vec4 crop{0, 0, 1,
                   1}; // left, top, width, height as parts of the source
    std::optional<Gradient> gradient; // none: the source's own colours
    bool mirrored = false;
};

Image load_image(const std::filesystem::path &path);

// The source's part that the recipe names, scaled to size x size.
Image render_recipe(const Image &source, const TextureRecipe &recipe, int size);

// Half as wide and high (at least 1), each pixel the mean of four.
Image half_size(const Image &image);

// Mip levels of a size x size texture, down to 1 x 1.
int mip_levels(int size);

} // namespace gallery
