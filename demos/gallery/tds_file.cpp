// SPDX-License-Identifier: MIT
// 3D Studio (.3ds): chunks of {u16 id, u32 length including this header},
// nested.
#include "model_files.hpp"

#include <cmath>
#include <cstring>
#include <optional>

#include "error.hpp"

namespace gallery {

namespace {

enum Chunk : std::uint16_t {
    kMain = 0x4d4d,
    kEditor = 0x3d3d,
    kObject = 0x4000, // a name, then chunks
    kMesh = 0x4100,
    kVertices = 0x4110,
    kFaces = 0x4120, // triangles, then chunks about them
    kUvs = 0x4140,
};

class Reader {
public:
    Reader(std::span<const std::byte> data, const std::string &name)
        : data_(data), name_(name) {}

    [[nodiscard]] bool empty() const { return data_.empty(); }

    template <typename T> T take() {
        if (data_.size() < sizeof(T))
            throw Error(name_ + ": the file ends in the middle of a chunk");
        T value{};
        std::memcpy(&value, data_.data(),
                    sizeof(T)); // the format is little-endian, as we are
        data_ = data_.subspan(sizeof(T));
        return value;
    }

    float real() {
        const float value = take<float>();
        if (!std::isfinite(value))
            throw Error(name_ + ": a coordinate is not a number");
        return value;
    }

    std::pair<std::uint16_t, Reader> chunk() {
        constexpr std::uint32_t kHeader = 6;
        const auto id = take<std::uint16_t>();
        const auto length = take<std::uint32_t>();
        if (length < kHeader || length - kHeader > data_.size())
            throw Error(name_ + ": a chunk's length is wrong");
        const Reader body(data_.first(length - kHeader), name_);
        data_ = data_.subspan(length - kHeader);
        return {id, body};
    }

    void skip_string() {
        while (take<char>() != '\0')
            ;
    }

private:
    std::span<const std::byte> data_;
    const std::string &name_;
};

void read_mesh(Reader mesh, Model &model) {
    while (!mesh.empty()) {
        auto [id, body] = mesh.chunk();
        if (id != kVertices && id != kFaces && id != kUvs)
            continue;
        const auto count = body.take<std::uint16_t>();
        for (unsigned i = 0; i < count; i++) {
            if (id == kVertices) {
                const float x = body.real();
                const float y = body.real();
                model.positions.emplace_back(x, y, body.real());
            } else if (id == kUvs) {
                const float u = body.real();
                model.uvs.emplace_back(u, 1.0F - body.real());
            } else {
                for (int k = 0; k < 3; k++)
                    model.indices.push_back(body.take<std::uint16_t>());
                body.take<std::uint16_t>(); // which edges are drawn; not for us
            }
        }
    }
}

// Main, editor, object, mesh; a file that nests deeper is made to harm.
constexpr int kDeepest = 4;

// Go down through the containers to the first mesh.
bool find_mesh(Reader reader, int depth, Model &model) {
    if (depth > kDeepest)
        return false;
    while (!reader.empty()) {
        auto [id, body] = reader.chunk();
        if (id == kMesh) {
            read_mesh(body, model);
            return true;
        }
        if (id == kObject)
            body.skip_string();
        if ((id == kMain || id == kEditor || id == kObject) &&
            find_mesh(body, depth + 1, model))
            return true;
    }
    return false;
}

} // namespace

Model parse_3ds(std::span<const std::byte> data, const std::string &name) {
    Model model;
    if (!find_mesh(Reader(data, name), 1, model) || model.indices.empty())
        throw Error(name + ": no mesh");
    if (!model.uvs.empty() && model.uvs.size() != model.positions.size())
        throw Error(name +
                    ": texture coordinates and vertices differ in number");
    for (const std::uint32_t index : model.indices) {
        if (index >= model.positions.size())
            throw Error(name + ": index " + std::to_string(index) +
                        " is out of range");
    }
    return model;
}

} // namespace gallery
