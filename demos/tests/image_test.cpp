// SPDX-License-Identifier: MIT
#include "image.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "error.hpp"

namespace gallery {
namespace {

// Brightness rises from left to right.
Image ramp(int size) {
    Image image{size, size, {}};
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const auto v = static_cast<std::uint8_t>(x * 255 / (size - 1));
            image.pixels.push_back({v, v, v, 255});
        }
    return image;
}

TEST(Image, RecipeGivesTheSameTextureEachTime) {
    TextureRecipe recipe;
    recipe.crop = {0.1F, 0.2F, 0.7F, 0.6F};
    recipe.gradient =
        Gradient{glm::vec3(0), glm::vec3(0.5F, 0, 0), glm::vec3(1, 1, 0)};
    const Image a = render_recipe(ramp(64), recipe, 128);
    const Image b = render_recipe(ramp(64), recipe, 128);
    ASSERT_EQ(a.pixels.size(), 128U * 128U);
    EXPECT_EQ(a.pixels, b.pixels);
}

TEST(Image, GradientColoursByBrightness) {
    TextureRecipe recipe;
    recipe.gradient =
        Gradient{glm::vec3(1, 0, 0), glm::vec3(0, 1, 0), glm::vec3(0, 0, 1)};
    const Image image = render_recipe(ramp(256), recipe, 256);
    EXPECT_GT(image.at(0, 128)[0], 240);
    EXPECT_GT(image.at(127, 128)[1], 240);
    EXPECT_GT(image.at(255, 128)[2], 240);
}

TEST(Image, MirroredSwapsLeftAndRight) {
    TextureRecipe recipe;
    const Image plain = render_recipe(ramp(64), recipe, 64);
    recipe.mirrored = true;
    const Image mirrored = render_recipe(ramp(64), recipe, 64);
    EXPECT_LT(plain.at(2, 10)[0], plain.at(60, 10)[0]);
    EXPECT_GT(mirrored.at(2, 10)[0], mirrored.at(60, 10)[0]);
}

TEST(Image, HalfSizeIsTheMeanOfFour) {
    const Image image{
        2,
        2,
        {{0, 0, 0, 255}, {100, 0, 0, 255}, {100, 0, 0, 255}, {200, 0, 0, 255}}};
    const Image half = half_size(image);
    ASSERT_EQ(half.pixels.size(), 1U);
    EXPECT_NEAR(half.at(0, 0)[0], 100, 1);
    EXPECT_EQ(half_size(half).pixels.size(), 1U);
}

TEST(Image, MipLevelsGoDownToOnePixel) {
    EXPECT_EQ(mip_levels(1), 1);
    EXPECT_EQ(mip_levels(64), 7);
    EXPECT_EQ(mip_levels(512), 10);
}

TEST(Image, FileThatIsNoPictureGivesAnErrorWithItsName) {
    const auto path =
        std::filesystem::path(testing::TempDir()) / "no-picture.png";
    std::ofstream(path) << "not a picture";
    for (const auto &file : {path, std::filesystem::path("/nonexistent.png")})
        try {
            load_image(file);
            ADD_FAILURE() << file;
        } catch (const Error &error) {
            EXPECT_NE(std::string(error.what()).find(file.string()),
                      std::string::npos);
        }
}

} // namespace
} // namespace gallery
