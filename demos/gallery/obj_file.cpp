// SPDX-License-Identifier: MIT
// Wavefront OBJ.
#include "model_files.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "error.hpp"

namespace gallery {

namespace {

class ObjParser {
public:
    explicit ObjParser(const std::string &name) : name_(name) {}

    void line(std::string_view text) {
        number_++;
        const std::string_view keyword = word(text);
        if (keyword == "v") {
            const float x = real(text);
            const float y = real(text);
            positions_.emplace_back(x, y, real(text));
        } else if (keyword == "vt") {
            const float u = real(text);
            uvs_.emplace_back(u, 1.0F - real(text));
        } else if (keyword == "f") {
            face(text);
        }
    }

    Model finish() {
        if (model_.indices.empty())
            throw Error(name_ + ": no faces");
        if (!textured_)
            model_.uvs.clear();
        return std::move(model_);
    }

private:
    [[noreturn]] void fail(const std::string &what) const {
        throw Error(name_ + ":" + std::to_string(number_) + ": " + what);
    }

    static std::string_view word(std::string_view &text) {
        const std::size_t begin = text.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos)
            return text = {};
        text.remove_prefix(begin);
        const std::size_t end =
            std::min(text.find_first_of(" \t\r"), text.size());
        const std::string_view found = text.substr(0, end);
        text.remove_prefix(end);
        return found;
    }

    float real(std::string_view &text) const {
        const std::string_view token = word(text);
        float value = 0;
        const auto [end, error] =
            std::from_chars(token.data(), token.data() + token.size(), value);
        if (error != std::errc() || end != token.data() + token.size() ||
            !std::isfinite(value))
            fail("expected a number, found '" + std::string(token) + "'");
        return value;
    }

    // 1-based, or negative counting back from the last; returned 0-based.
    std::size_t reference(std::string_view token, std::size_t count) const {
        long value = 0;
        const auto [end, error] =
            std::from_chars(token.data(), token.data() + token.size(), value);
        if (error != std::errc() || end != token.data() + token.size())
            fail("expected an index, found '" + std::string(token) + "'");
        const long limit = static_cast<long>(count);
        if (value == 0 || value > limit || value < -limit)
            fail("index " + std::string(token) + " is out of range");
        return static_cast<std::size_t>(value > 0 ? value - 1 : limit + value);
    }

    std::uint32_t corner(std::string_view token) {
        const std::size_t slash = token.find('/');
        const std::size_t position =
            reference(token.substr(0, slash), positions_.size());
        std::size_t uv = SIZE_MAX;
        if (slash != std::string_view::npos) {
            const std::string_view rest = token.substr(slash + 1);
            const std::string_view uv_token = rest.substr(0, rest.find('/'));
            if (!uv_token.empty())
                uv = reference(uv_token, uvs_.size());
        }
        const auto [slot, fresh] = corners_.try_emplace(
            {position, uv},
            static_cast<std::uint32_t>(model_.positions.size()));
        if (fresh) {
            model_.positions.push_back(positions_[position]);
            model_.uvs.push_back(uv == SIZE_MAX ? glm::vec2(0.0F) : uvs_[uv]);
            textured_ |= uv != SIZE_MAX;
        }
        return slot->second;
    }

    void face(std::string_view text) {
        std::vector<std::uint32_t> polygon;
        for (std::string_view token = word(text); !token.empty();
             token = word(text))
            polygon.push_back(corner(token));
        if (polygon.size() < 3)
            fail("a face needs three corners");
        for (std::size_t i = 2; i < polygon.size(); i++)
            model_.indices.insert(model_.indices.end(),
                                  {polygon[0], polygon[i - 1], polygon[i]});
    }

    const std::string &name_;
    std::size_t number_ = 0;
    std::vector<glm::vec3> positions_;
    std::vector<glm::vec2> uvs_;
    std::map<std::pair<std::size_t, std::size_t>, std::uint32_t> corners_;
    Model model_;
    bool textured_ = false;
};

} // namespace

Model parse_obj(std::string_view text, const std::string &name) {
    ObjParser parser(name);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        parser.line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parser.finish();
}

} // namespace gallery
