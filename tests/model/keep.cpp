// SPDX-License-Identifier: MIT
#include "model/keep.hpp"

#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace model {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path &path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// One that failed before has its place, and nobody else gets it.
fs::path place(const fs::path &directory, const std::string &name,
               const std::string &text) {
    fs::path path = directory / (name + ".txt");
    for (int next = 2; fs::exists(path) && contents(path) != text; ++next)
        path = directory / fmt::format("{}-{}.txt", name, next);
    return path;
}

fs::path write(const fs::path &directory, const std::string &name,
               const std::string &text) {
    fs::create_directories(directory);
    fs::path path = place(directory, name, text);
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file)
        throw std::runtime_error("cannot be written");
    return path;
}

} // namespace

Directories regressions(const fs::path &repository) {
    const fs::path directory = repository / "tests/model/regressions";
    std::error_code error;
    if (!fs::is_directory(directory, error))
        return {};
    return {directory};
}

fs::path results() {
    const char *out = std::getenv("OUT");
    return out ? fs::path(out) / "model" : fs::path(".");
}

std::string keep(const Report &made, const std::string &name,
                 const Directories &directories) {
    std::string said;
    for (const fs::path &directory : directories)
        try {
            said += fmt::format("saved as {}\n",
                                write(directory, name, made.file).string());
        } catch (const std::exception &error) {
            said += fmt::format("not saved in {}: {}\n", directory.string(),
                                error.what());
        }
    return said;
}

} // namespace model
