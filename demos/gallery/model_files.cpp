// SPDX-License-Identifier: MIT
#include "model_files.hpp"

#include <fstream>
#include <iterator>

#include "error.hpp"

namespace gallery {

Model load_model(const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw Error("cannot open the model " + path.string());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (path.extension() == ".obj" || path.extension() == ".jobj")
        return parse_obj(text, path.string());
    if (path.extension() == ".3ds")
        return parse_3ds(std::as_bytes(std::span(text)), path.string());
    throw Error(path.string() +
                ": not a model format that is known here (.obj, .3ds)");
}

} // namespace gallery
