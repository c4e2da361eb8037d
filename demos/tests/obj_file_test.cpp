// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>

#include "error.hpp"
#include "model_files.hpp"

namespace gallery {
namespace {

constexpr const char *kSquare = "# a square\n"
                                "v 0 0 0\nv 1 0 0\r\nv 1 1 0\nv 0 1 0\n"
                                "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
                                "vn 0 0 1\nusemtl none\n"
                                "f 1/1/1 2/2/1 3/3/1 4/4/1\n";

TEST(ObjFile, PolygonBecomesAFan) {
    const Model model = parse_obj(kSquare, "square.obj");
    EXPECT_EQ(model.positions.size(), 4U);
    EXPECT_EQ(model.uvs.size(), 4U);
    EXPECT_EQ(model.indices, (std::vector<std::uint32_t>{0, 1, 2, 0, 2, 3}));
    EXPECT_EQ(model.uvs[0], glm::vec2(0, 1)); // v counts from the top here
}

TEST(ObjFile, NegativeIndicesCountBack) {
    const Model model =
        parse_obj("v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1", "a.obj");
    EXPECT_EQ(model.positions[2], glm::vec3(0, 1, 0));
    EXPECT_TRUE(model.uvs.empty());
}

TEST(ObjFile, CornersThatShareAPositionButNotAUvStayApart) {
    const Model model = parse_obj("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 1\n"
                                  "f 1/1 2/1 3/1\nf 1/2 2/1 3/1\n",
                                  "a.obj");
    EXPECT_EQ(model.positions.size(), 4U);
}

TEST(ObjFile, BadLineGivesAnErrorWithFileAndLine) {
    const std::string three = "v 0 0 0\nv 1 0 0\nv 0 1 0\n";
    for (const std::string line :
         {"f 1 2 4", "f 1 2 0", "f 1 2 -4", "f 1 2", "f 1 2 x", "f 1 2 3x",
          "f 1/1 2/1 3/1", "f 99999999999999999999 1 2", "v 1 2", "v 1 2 z",
          "v nan 0 0", "v inf 0 0", "v 1e99 0 0", "vt 1"})
        try {
            parse_obj(three + line + "\n", "bad.obj");
            ADD_FAILURE() << line;
        } catch (const Error &error) {
            EXPECT_EQ(std::string(error.what()).find("bad.obj:4: "), 0U)
                << line << ": " << error.what();
        }
}

TEST(ObjFile, FileWithoutFacesIsAnError) {
    for (const char *text : {"", "\n\n", "v 0 0 0\n", "binary \x01\x02"})
        EXPECT_THROW(parse_obj(text, "empty.obj"), Error);
}

TEST(ObjFile, EveryCutOffFileIsAnErrorOrAWholeModel) {
    const std::string whole = kSquare;
    for (std::size_t length = 0; length < whole.size(); length++)
        try {
            const Model model = parse_obj(whole.substr(0, length), "cut.obj");
            for (const std::uint32_t index : model.indices)
                EXPECT_LT(index, model.positions.size());
        } catch (const Error &) {
        }
}

TEST(ModelFiles, UnknownSuffixAndMissingFileAreErrors) {
    EXPECT_THROW(load_model("/nonexistent/a.obj"), Error);
    EXPECT_THROW(load_model("/proc/version"), Error);
}

} // namespace
} // namespace gallery
