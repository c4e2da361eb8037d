// SPDX-License-Identifier: MIT
// Readers of the two model formats of the gallery. A file that is not what it
// says gives one Error that names it; nothing half read comes out.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "mesh.hpp"

namespace gallery {

// Wavefront OBJ: v, vt and f lines (polygons become fans, negative indices
// count back). The rest of the format (materials, groups, normals) is passed
// over.
Model parse_obj(std::string_view text, const std::string &name);

// 3D Studio: the first mesh of the file.
Model parse_3ds(std::span<const std::byte> data, const std::string &name);

// Read a file and choose the parser by its suffix.
Model load_model(const std::filesystem::path &path);

} // namespace gallery
