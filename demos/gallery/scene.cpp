// SPDX-License-Identifier: MIT
#include "scene.hpp"

#include <array>

#include "model_files.hpp"

namespace gallery {

namespace {

enum Source : int {
    Nebula,
    Remnant,
    Veil,
    Tux,
    Planks,
    Earth,
    Crater,
    WaterA,
    WaterB,
    WaterC,
    WaterD
};
constexpr std::array<const char *, 11> kSourceFiles{
    "nasa1.png",
    "nasa2.png",
    "nasa3.png",
    "desktop-window.png",
    "crate-base.png",
    "terrain-backgrounddetailed6.jpg",
    "asteroid-height-map.png",
    "jellyfish-caustics-01.png",
    "jellyfish-caustics-09.png",
    "jellyfish-caustics-17.png",
    "jellyfish-caustics-25.png"};

struct ModelFile {
    const char *file;
    Up up;
    float faces; // where it looks, from +z towards +x, radians
    bool flat;
    std::size_t high_triangles;
};
enum ModelName : int { Bunny, Horse, Cat, Asteroid, Crate };
constexpr std::array<ModelFile, 5> kModelFiles{
    {{"bunny.obj", Up::Y, -1.2F, false, 3600},
     {"horse.3ds", Up::Y, -1.04F, false, 3600},
     {"cat.3ds", Up::Y, 0.9F, false, 3600},
     {"asteroid-high.3ds", Up::Z, 0, false, 3600},
     {"cube.3ds", Up::Z, 0, true, 100}}};
constexpr std::size_t kLowTriangles = 700;

constexpr Gradient kMarble{
    {{0.97F, 0.96F, 0.93F}, {0.86F, 0.84F, 0.80F}, {0.35F, 0.34F, 0.36F}}};
constexpr Gradient kPlasterWhite{
    {{0.92F, 0.92F, 0.92F}, {0.97F, 0.97F, 0.97F}, {1.0F, 1.0F, 1.0F}}};
constexpr Gradient kParquet{
    {{0.20F, 0.10F, 0.05F}, {0.62F, 0.40F, 0.23F}, {0.93F, 0.70F, 0.46F}}};
constexpr Gradient kDamask{
    {{0.62F, 0.62F, 0.62F}, {0.90F, 0.90F, 0.90F}, {1.0F, 1.0F, 1.0F}}};
constexpr Gradient kBronze{
    {{0.20F, 0.11F, 0.05F}, {0.62F, 0.38F, 0.18F}, {0.95F, 0.74F, 0.42F}}};
constexpr Gradient kJade{
    {{0.10F, 0.32F, 0.24F}, {0.30F, 0.62F, 0.47F}, {0.80F, 0.95F, 0.82F}}};
constexpr Gradient kGoldLeaf{
    {{0.45F, 0.28F, 0.06F}, {0.85F, 0.62F, 0.20F}, {1.0F, 0.92F, 0.60F}}};
constexpr Gradient kRock{
    {{0.30F, 0.27F, 0.26F}, {0.55F, 0.50F, 0.47F}, {0.88F, 0.82F, 0.75F}}};

constexpr std::array<Gradient, 6> kInks{{
    {{{0.02F, 0.05F, 0.18F}, {0.05F, 0.42F, 0.62F}, {0.90F, 1.00F, 0.98F}}},
    {{{0.12F, 0.01F, 0.02F}, {0.80F, 0.22F, 0.05F}, {1.00F, 0.90F, 0.45F}}},
    {{{0.04F, 0.10F, 0.06F}, {0.20F, 0.55F, 0.30F}, {0.95F, 0.98F, 0.70F}}},
    {{{0.10F, 0.03F, 0.18F}, {0.60F, 0.20F, 0.55F}, {1.00F, 0.80F, 0.75F}}},
    {{{0.95F, 0.91F, 0.82F}, {0.72F, 0.42F, 0.30F}, {0.12F, 0.10F, 0.16F}}},
    {{{0.03F, 0.03F, 0.05F}, {0.25F, 0.30F, 0.38F}, {0.95F, 0.96F, 1.00F}}},
}};

// A museum's wall colours, room after room.
constexpr std::array<glm::vec3, 6> kPaints{{{0.55F, 0.16F, 0.15F},
                                            {0.14F, 0.27F, 0.42F},
                                            {0.20F, 0.36F, 0.26F},
                                            {0.58F, 0.40F, 0.18F},
                                            {0.33F, 0.20F, 0.38F},
                                            {0.20F, 0.38F, 0.40F}}};

// The pictures of the collection: whole nebulae, details of them, prints in
// coloured ink.
TextureRecipe picture_recipe(int number) {
    constexpr std::array<glm::vec4, 6> kCrops{{{0, 0, 1, 1},
                                               {0, 0, 0.5F, 0.5F},
                                               {0.5F, 0.4F, 0.5F, 0.5F},
                                               {0.1F, 0.5F, 0.45F, 0.45F},
                                               {0.45F, 0.05F, 0.5F, 0.5F},
                                               {0.25F, 0.25F, 0.5F, 0.5F}}};
    const auto crop =
        kCrops[static_cast<std::size_t>(number / 6) % kCrops.size()];
    const auto &ink =
        kInks[static_cast<std::size_t>(number * 5 + number / 6) % kInks.size()];
    const bool mirrored = number / 36 % 2 != 0;
    switch (number % 6) {
    case 0:
        return {Nebula, crop, {}, mirrored};
    case 1:
        return {WaterA + number / 6 % 4, {0, 0, 1, 1}, ink, mirrored};
    case 2:
        return {Remnant, crop, {}, mirrored};
    case 3:
        if (number / 6 % 3 == 0)
            return {Tux, {0.06F, 0.115F, 0.88F, 0.885F}, {}, mirrored};
        return {Nebula, crop, ink, mirrored};
    case 4:
        return {Veil, crop, {}, mirrored};
    default:
        return {WaterA + (number / 6 + 2) % 4, crop,
                kInks[static_cast<std::size_t>(number / 6 + 3) % kInks.size()],
                mirrored};
    }
}

struct ExhibitChoice {
    int model;
    TextureRecipe texture;
    float scale;
    float shine;
};

ExhibitChoice exhibit_choice(int number) {
    const glm::vec4 whole{0, 0, 1, 1};
    const std::array<ExhibitChoice, 8> choices{{
        {Bunny, {WaterA, whole, kMarble, false}, 0.85F, 0.5F},
        {Horse, {Earth, whole, kBronze, false}, 1.0F, 0.9F},
        {Asteroid,
         {Crater, {0.1F, 0.6F, 0.3F, 0.3F}, kRock, false},
         0.75F,
         0.1F},
        {Cat, {WaterC, whole, kJade, false}, 0.85F, 0.7F},
        {Crate, {Planks, whole, {}, false}, 0.62F, 0.1F},
        {Bunny, {Earth, whole, kGoldLeaf, false}, 0.85F, 1.0F},
        {Cat, {Nebula, whole, {}, false}, 0.85F, 0.5F},
        {Horse, {WaterB, whole, kMarble, false}, 1.0F, 0.5F},
    }};
    return choices[static_cast<std::size_t>(number) % choices.size()];
}

} // namespace

Scene::Scene(const std::filesystem::path &data) {
    load_pictures(data / "textures");
    load_models(data / "models");
    rooms_.resize(kRooms);
    for (int number = 0; number < kRooms; number++)
        furnish(number);
}

void Scene::load_pictures(const std::filesystem::path &textures) {
    for (const char *file : kSourceFiles)
        pictures_.push_back(load_image(textures / file));
}

void Scene::load_models(const std::filesystem::path &models) {
    for (const ModelFile &file : kModelFiles) {
        Model model = load_model(models / file.file);
        stand_upright(model, file.up);
        models_.push_back(
            {to_mesh(reduce(model, kLowTriangles), file.flat),
             to_mesh(reduce(model, file.high_triangles), file.flat)});
    }
}

TexturePair Scene::add_texture(int room, const TextureRecipe &recipe) {
    const int id = static_cast<int>(assets_.size());
    assets_.push_back({room, Detail::Low, TextureAsset{recipe, kLowTexture}});
    assets_.push_back({room, Detail::High, TextureAsset{recipe, kHighTexture}});
    return {id, id + 1};
}

MeshPair Scene::add_mesh(int room, Detail detail, const Mesh &mesh) {
    const int id = static_cast<int>(assets_.size());
    assets_.push_back({room, detail, VertexAsset{&mesh}});
    assets_.push_back({room, detail, IndexAsset{&mesh}});
    return {id, id + 1};
}

void Scene::furnish(int number) {
    Room &room = rooms_[static_cast<std::size_t>(number)];
    room.shape =
        build_room(kPaints[static_cast<std::size_t>(number) % kPaints.size()]);
    room.shell = add_mesh(number, Detail::Low, room.shape.mesh);
    room.floor = add_texture(
        number, {Planks, {0, 0.18F, 0.98F, 0.64F}, kParquet, number % 2 != 0});
    room.wall = add_texture(
        number, {WaterA + number % 4, {0, 0, 1, 1}, kDamask, false});
    room.plaster = add_texture(
        number,
        {WaterA + (number + 1) % 4, {0, 0, 1, 1}, kPlasterWhite, false});
    for (int i = 0; i < kPicturesARoom; i++)
        room.pictures.push_back(
            add_texture(number, picture_recipe(number * kPicturesARoom + i)));
    for (int i = 0; i < kExhibitsARoom; i++) {
        const ExhibitChoice choice =
            exhibit_choice(number * kExhibitsARoom + i);
        const ModelMeshes &meshes =
            models_[static_cast<std::size_t>(choice.model)];
        Exhibit exhibit;
        exhibit.low = add_mesh(number, Detail::Low, meshes.low);
        exhibit.high = add_mesh(number, Detail::High, meshes.high);
        exhibit.texture = add_texture(number, choice.texture);
        exhibit.scale = choice.scale;
        exhibit.shine = choice.shine;
        // Towards the visitor who comes in, half turned to the aisle.
        exhibit.turn =
            (i == 0 ? 0.6F : -0.6F) -
            kModelFiles[static_cast<std::size_t>(choice.model)].faces;
        room.exhibits.push_back(exhibit);
    }
}

} // namespace gallery
