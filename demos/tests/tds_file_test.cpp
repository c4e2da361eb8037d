// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "error.hpp"
#include "model_files.hpp"

namespace gallery {
namespace {

// Little-endian numbers, and chunks with their lengths.
std::string u16(unsigned v) {
    return {static_cast<char>(v & 255), static_cast<char>(v >> 8 & 255)};
}
std::string u32(std::uint32_t v) {
    return u16(v & 0xffff) + u16(v >> 16);
}
std::string real(float v) {
    return u32(std::bit_cast<std::uint32_t>(v));
}
std::string chunk(unsigned id, const std::string &body) {
    return u16(id) + u32(static_cast<std::uint32_t>(body.size()) + 6) + body;
}

std::string vertices(float first = 0) {
    return chunk(0x4110, u16(3) + real(first) + real(0) + real(0) + real(1) +
                             real(0) + real(0) + real(0) + real(1) + real(0));
}
std::string faces(unsigned last = 2) {
    return chunk(0x4120, u16(1) + u16(0) + u16(1) + u16(last) + u16(7));
}
std::string uvs(unsigned count = 3) {
    std::string body = u16(count);
    for (unsigned i = 0; i < count; i++)
        body += real(0.25F) + real(0.25F);
    return chunk(0x4140, body);
}
std::string file(const std::string &mesh) {
    return chunk(0x4d4d,
                 chunk(0x0002, u32(3)) +
                     chunk(0x3d3d, chunk(0x4000, std::string("name\0", 5) +
                                                     chunk(0x4100, mesh))));
}

Model parse(const std::string &bytes) {
    return parse_3ds(std::as_bytes(std::span(bytes)), "test.3ds");
}

TEST(TdsFile, ReadsTheFirstMesh) {
    const Model model = parse(file(vertices() + faces() + uvs()));
    EXPECT_EQ(model.positions.size(), 3U);
    EXPECT_EQ(model.indices, (std::vector<std::uint32_t>{0, 1, 2}));
    EXPECT_EQ(model.uvs.at(0), glm::vec2(0.25F, 0.75F));
}

TEST(TdsFile, TextureCoordinatesMayBeMissing) {
    EXPECT_TRUE(parse(file(vertices() + faces())).uvs.empty());
}

TEST(TdsFile, WhatDoesNotFitTogetherIsAnErrorWithTheFilesName) {
    const std::string nan = vertices(std::bit_cast<float>(0x7fc00000U));
    for (const std::string &bytes :
         {file(""), file(vertices()), file(faces()),
          file(vertices() + faces(3)), file(vertices() + faces() + uvs(2)),
          file(nan + faces()), std::string("3ds?"), std::string()})
        try {
            parse(bytes);
            ADD_FAILURE() << bytes.size() << " bytes";
        } catch (const Error &error) {
            EXPECT_EQ(std::string(error.what()).find("test.3ds: "), 0U)
                << error.what();
        }
}

TEST(TdsFile, ChunkWithAWrongLengthIsAnError) {
    for (const std::uint32_t length : {0U, 5U, 0xffffffffU}) {
        std::string bytes = file(vertices() + faces());
        bytes.replace(2, 4, u32(length));
        EXPECT_THROW(parse(bytes), Error) << length;
    }
}

TEST(TdsFile, EveryCutOffFileIsAnError) {
    const std::string whole = file(vertices() + faces() + uvs());
    for (std::size_t length = 0; length < whole.size(); length++)
        EXPECT_THROW(parse(whole.substr(0, length)), Error) << length;
}

TEST(TdsFile, EndlessNestingIsAnError) {
    std::string bytes;
    for (int i = 0; i < 20000; i++)
        bytes = chunk(0x4d4d, bytes);
    EXPECT_THROW(parse(bytes), Error);
}

} // namespace
} // namespace gallery
