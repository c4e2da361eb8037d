// SPDX-License-Identifier: MIT
// What hangs and stands in which room, and the list of assets (textures,
// vertices, indices) that this takes. CPU data only; knows nothing of Vulkan or
// of what is in memory when.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "hall.hpp"
#include "image.hpp"
#include "mesh.hpp"
#include "streaming.hpp"

namespace gallery {

constexpr int kRooms = 12; // then the walk starts anew
constexpr int kHighTexture = 512;
constexpr int kLowTexture = 64;

// A texture to be made from its recipe when it is loaded.
struct TextureAsset {
    TextureRecipe recipe;
    int size = 0;
};
// One half of a mesh, in the scene's memory.
struct VertexAsset {
    const Mesh *mesh = nullptr;
};
struct IndexAsset {
    const Mesh *mesh = nullptr;
};

struct Asset {
    int room = 0;
    Detail detail = Detail::Low;
    std::variant<TextureAsset, VertexAsset, IndexAsset> content;
};

// Asset ids of one thing in both details.
struct TexturePair {
    int low = 0, high = 0;
};
struct MeshPair {
    int vertices = 0, indices = 0;
};

struct Exhibit {
    MeshPair low, high;
    TexturePair texture;
    float scale = 1.0F;
    float turn = 0.0F;  // angle at frame 0
    float shine = 0.0F; // strength of the highlight
};

struct Room {
    RoomShape shape;
    MeshPair shell;
    TexturePair floor, wall, plaster;
    std::vector<TexturePair> pictures;
    std::vector<Exhibit> exhibits;
};

class Scene {
public:
    // Reads every model and picture that the gallery shows from models/ and
    // textures/ below data.
    explicit Scene(const std::filesystem::path &data);
    Scene(const Scene &) = delete;
    Scene &operator=(const Scene &) = delete;

    [[nodiscard]] const std::vector<Room> &rooms() const { return rooms_; }
    [[nodiscard]] const std::vector<Asset> &assets() const { return assets_; }
    [[nodiscard]] const Image &picture(int source) const {
        return pictures_[static_cast<std::size_t>(source)];
    }

private:
    struct ModelMeshes {
        Mesh low, high;
    };

    void load_pictures(const std::filesystem::path &textures);
    void load_models(const std::filesystem::path &models);
    void furnish(int number);
    TexturePair add_texture(int room, const TextureRecipe &recipe);
    MeshPair add_mesh(int room, Detail detail, const Mesh &mesh);

    std::vector<Image> pictures_;
    std::vector<ModelMeshes> models_;
    std::vector<Room> rooms_;
    std::vector<Asset> assets_;
};

} // namespace gallery
