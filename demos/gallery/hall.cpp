// SPDX-License-Identifier: MIT
#include "hall.hpp"

#include <algorithm>
#include <cmath>

#include <glm/common.hpp>
#include <glm/geometric.hpp>

namespace gallery {

namespace {

constexpr float kHalfWidth = kRoomWidth / 2;
constexpr float kWallThickness = 0.4F; // between two rooms
constexpr float kInnerLength = kRoomLength - kWallThickness;
constexpr float kDoorHalfWidth = 1.55F;
constexpr float kDoorHeight = 3.1F;

constexpr glm::vec3 kWhite{0.93F, 0.91F, 0.87F};
constexpr glm::vec3 kGold{0.92F, 0.70F, 0.30F};
constexpr glm::vec3 kStone{0.80F, 0.78F, 0.74F};

struct PictureSpot {
    glm::vec3 centre;
    glm::vec3 right; // of the one who looks at it
    float half;      // of its side
};

// Two on each long wall, one on each side of the doorway ahead.
std::array<PictureSpot, kPicturesARoom> picture_spots() {
    constexpr float kHeight = 1.85F;
    const float door_side = (kHalfWidth + kDoorHalfWidth) / 2 + 0.05F;
    return {{
        {{-kHalfWidth, kHeight, -1.75F}, {0, 0, -1}, 0.85F},
        {{-kHalfWidth, kHeight, -4.85F}, {0, 0, -1}, 0.85F},
        {{kHalfWidth, kHeight, -1.75F}, {0, 0, 1}, 0.85F},
        {{kHalfWidth, kHeight, -4.85F}, {0, 0, 1}, 0.85F},
        {{-door_side, kHeight, -kInnerLength}, {1, 0, 0}, 0.72F},
        {{door_side, kHeight, -kInnerLength}, {1, 0, 0}, 0.72F},
    }};
}

// Light that arrives at a point of a surface: skylight, a lamp over each
// picture, and less of it in corners and under the pedestals.
glm::vec3 light_at(glm::vec3 p, glm::vec3 normal) {
    const glm::vec3 sky{0, kRoomHeight, -kInnerLength / 2};
    const glm::vec3 to_sky = sky - p;
    const float distance = glm::length(to_sky);
    const float facing =
        std::max(0.0F, glm::dot(normal, to_sky) / std::max(distance, 0.1F));
    glm::vec3 light = glm::vec3(0.30F, 0.30F, 0.33F);
    light += glm::vec3(0.80F, 0.78F, 0.74F) * (0.35F + 0.65F * facing) *
             (5.0F / (5.0F + distance * distance * 0.32F));

    for (const PictureSpot &spot : picture_spots()) {
        // A pool that falls down the wall from above the picture.
        glm::vec3 d = p - (spot.centre + glm::vec3(0, 0.25F, 0));
        d.y *= d.y > 0 ? 0.9F : 0.55F;
        light +=
            glm::vec3(0.55F, 0.45F, 0.30F) * std::exp(-glm::dot(d, d) / 1.1F);
    }

    const auto corner = [](float gap) {
        return 1.0F - 0.42F * std::exp(-std::max(gap, 0.0F) / 0.45F);
    };
    if (std::abs(normal.y) < 0.5F)
        light *= corner(p.y) * corner(kRoomHeight - p.y);
    if (std::abs(normal.x) < 0.5F)
        light *= corner(kHalfWidth - std::abs(p.x));
    if (std::abs(normal.z) < 0.5F && std::abs(p.x) > kDoorHalfWidth)
        light *= corner(p.z + kInnerLength) * corner(-p.z);
    if (normal.y < -0.5F)
        light *= 1.3F; // what the floor throws back
    if (normal.y > 0.5F) {
        for (const glm::vec3 &place : exhibit_places()) {
            const float gap =
                std::max(std::abs(p.x - place.x), std::abs(p.z - place.z));
            light *=
                1.0F - 0.6F * std::exp(-std::max(gap - 0.25F, 0.0F) / 0.3F);
        }
    }
    return light;
}

class RoomBuilder {
public:
    void begin(Surface surface) {
        shape_.parts.push_back(
            {surface, static_cast<std::uint32_t>(mesh().indices.size()), 0});
    }

    // A lit rectangle in nu x nv cells. The texture repeats every `metres`
    // metres.
    void wall(glm::vec3 origin, glm::vec3 du, glm::vec3 dv, int nu, int nv,
              glm::vec3 paint, float metres) {
        const glm::vec3 normal = glm::normalize(glm::cross(du, dv));
        grid(nu, nv, [&](float u, float v) {
            const glm::vec3 p = origin + du * u + dv * v;
            return Vertex{
                p,
                {glm::length(du) * u / metres, -glm::length(dv) * v / metres},
                pack_normal(normal),
                pack_colour(paint * light_at(p, normal))};
        });
    }

    // One quad of even colour, corners counter-clockwise.
    void quad(glm::vec3 a, glm::vec3 b, glm::vec3 c, glm::vec3 d,
              glm::vec3 colour) {
        const auto packed = pack_colour(colour);
        const auto normal = pack_normal(glm::cross(b - a, d - a));
        const auto base = static_cast<std::uint32_t>(mesh().vertices.size());
        mesh().vertices.insert(mesh().vertices.end(),
                               {Vertex{a, {0, 1}, normal, packed},
                                Vertex{b, {1, 1}, normal, packed},
                                Vertex{c, {1, 0}, normal, packed},
                                Vertex{d, {0, 0}, normal, packed}});
        add_indices({base, base + 1, base + 2, base, base + 2, base + 3});
    }

    // An upright box.
    void box(glm::vec3 low, glm::vec3 high, glm::vec3 paint) {
        const auto lit = [&](glm::vec3 at, glm::vec3 normal) {
            return paint * light_at(at, normal) * 0.95F;
        };
        const glm::vec3 mid = (low + high) * 0.5F;
        const auto at = [&](float x, float y, float z) {
            return glm::vec3(x, y, z);
        };
        quad(at(low.x, low.y, high.z), at(high.x, low.y, high.z),
             at(high.x, high.y, high.z), at(low.x, high.y, high.z),
             lit({mid.x, mid.y, high.z}, {0, 0, 1}));
        quad(at(high.x, low.y, high.z), at(high.x, low.y, low.z),
             at(high.x, high.y, low.z), at(high.x, high.y, high.z),
             lit({high.x, mid.y, mid.z}, {1, 0, 0}) * 0.8F);
        quad(at(low.x, low.y, low.z), at(low.x, low.y, high.z),
             at(low.x, high.y, high.z), at(low.x, high.y, low.z),
             lit({low.x, mid.y, mid.z}, {-1, 0, 0}) * 0.8F);
        quad(at(high.x, low.y, low.z), at(low.x, low.y, low.z),
             at(low.x, high.y, low.z), at(high.x, high.y, low.z),
             lit({mid.x, mid.y, low.z}, {0, 0, -1}) * 0.6F);
        quad(at(low.x, high.y, high.z), at(high.x, high.y, high.z),
             at(high.x, high.y, low.z), at(low.x, high.y, low.z), paint);
        quad(at(low.x, low.y, low.z), at(high.x, low.y, low.z),
             at(high.x, low.y, high.z), at(low.x, low.y, high.z),
             lit({mid.x, low.y, mid.z}, {0, -1, 0}) * 0.9F);
    }

    // A moulding of four mitred bars round a picture, each bevelled to both
    // sides.
    void frame(const PictureSpot &spot) {
        const glm::vec3 up{0, 1, 0};
        const glm::vec3 out = glm::cross(spot.right, up);
        struct Ring {
            float half, depth;
        };
        const std::array<Ring, 4> rings{{{spot.half, 0.02F},
                                         {spot.half + 0.03F, 0.05F},
                                         {spot.half + 0.10F, 0.09F},
                                         {spot.half + 0.16F, 0.0F}}};
        const std::array<glm::vec3, 4> sides{-up, spot.right, up, -spot.right};
        for (std::size_t r = 0; r + 1 < rings.size(); r++) {
            for (std::size_t s = 0; s < 4; s++) {
                const glm::vec3 side = sides[s];
                const glm::vec3 along = sides[(s + 1) % 4];
                const auto at = [&](const Ring &ring, float end) {
                    return spot.centre + out * ring.depth +
                           (side + along * end) * ring.half;
                };
                const glm::vec3 a = at(rings[r + 1], -1);
                const glm::vec3 b = at(rings[r + 1], 1);
                const glm::vec3 c = at(rings[r], 1);
                const glm::vec3 d = at(rings[r], -1);
                const glm::vec3 normal =
                    glm::normalize(glm::cross(b - a, d - a));
                const float shine =
                    0.45F +
                    0.55F *
                        std::max(0.0F,
                                 glm::dot(normal, glm::normalize(up * 1.2F +
                                                                 out * 0.8F)));
                quad(a, b, c, d, kGold * shine * 1.1F);
            }
        }
    }

    void picture(const PictureSpot &spot) {
        const glm::vec3 at =
            spot.centre + glm::cross(spot.right, glm::vec3(0, 1, 0)) * 0.02F;
        const glm::vec3 right = spot.right * spot.half;
        const glm::vec3 up = glm::vec3(0, spot.half, 0);
        quad(at - right - up, at + right - up, at + right + up, at - right + up,
             glm::vec3(1.0F));
    }

    RoomShape finish() {
        for (std::size_t i = 0; i < shape_.parts.size(); i++) {
            const std::size_t end = i + 1 < shape_.parts.size()
                                        ? shape_.parts[i + 1].first_index
                                        : mesh().indices.size();
            shape_.parts[i].index_count =
                static_cast<std::uint32_t>(end) - shape_.parts[i].first_index;
        }
        return std::move(shape_);
    }

private:
    Mesh &mesh() { return shape_.mesh; }

    void add_indices(std::initializer_list<std::uint32_t> indices) {
        mesh().indices.insert(mesh().indices.end(), indices);
    }

    template <typename F> void grid(int nu, int nv, F vertex) {
        const auto base = static_cast<std::uint32_t>(mesh().vertices.size());
        const auto row = static_cast<std::uint32_t>(nu + 1);
        for (int v = 0; v <= nv; v++) {
            for (int u = 0; u <= nu; u++)
                mesh().vertices.push_back(
                    vertex(static_cast<float>(u) / static_cast<float>(nu),
                           static_cast<float>(v) / static_cast<float>(nv)));
        }
        for (std::uint32_t v = 0; v < static_cast<std::uint32_t>(nv); v++) {
            for (std::uint32_t u = 0; u < static_cast<std::uint32_t>(nu); u++) {
                const std::uint32_t a = base + v * row + u;
                add_indices({a, a + 1, a + row + 1, a, a + row + 1, a + row});
            }
        }
    }

    RoomShape shape_;
};

void add_walls(RoomBuilder &room, glm::vec3 paint) {
    constexpr float w = kHalfWidth;
    constexpr float h = kRoomHeight;
    constexpr float z = -kInnerLength;
    constexpr float kRepeat = 2.0F;
    room.wall({-w, 0, 0}, {0, 0, z}, {0, h, 0}, 14, 9, paint, kRepeat);
    room.wall({w, 0, z}, {0, 0, -z}, {0, h, 0}, 14, 9, paint, kRepeat);
    // The wall ahead, round the doorway.
    const float flank = w - kDoorHalfWidth;
    room.wall({-w, 0, z}, {flank, 0, 0}, {0, h, 0}, 5, 9, paint, kRepeat);
    room.wall({kDoorHalfWidth, 0, z}, {flank, 0, 0}, {0, h, 0}, 5, 9, paint,
              kRepeat);
    room.wall({-kDoorHalfWidth, kDoorHeight, z}, {2 * kDoorHalfWidth, 0, 0},
              {0, h - kDoorHeight, 0}, 4, 3, paint, kRepeat);
}

void add_doorway(RoomBuilder &room) {
    constexpr float d = kDoorHalfWidth;
    constexpr float near = -kInnerLength;
    constexpr float far = -kRoomLength;
    const glm::vec3 jamb = kWhite * 0.55F;
    room.quad({-d, 0, near}, {-d, 0, far}, {-d, kDoorHeight, far},
              {-d, kDoorHeight, near}, jamb);
    room.quad({d, 0, far}, {d, 0, near}, {d, kDoorHeight, near},
              {d, kDoorHeight, far}, jamb);
    room.quad({-d, kDoorHeight, near}, {-d, kDoorHeight, far},
              {d, kDoorHeight, far}, {d, kDoorHeight, near}, jamb * 0.8F);
    // Its white surround, on the wall and not in it.
    constexpr float t = 0.14F;
    room.box({-d - t, 0, near}, {-d, kDoorHeight, near + 0.06F}, kWhite);
    room.box({d, 0, near}, {d + t, kDoorHeight, near + 0.06F}, kWhite);
    room.box({-d - t - 0.06F, kDoorHeight, near},
             {d + t + 0.06F, kDoorHeight + 0.2F, near + 0.1F}, kWhite);
}

// Skirting board, dado rail and cornice along the walls.
void add_mouldings(RoomBuilder &room) {
    struct Band {
        float low, high, depth;
    };
    constexpr std::array<Band, 3> kBands{
        {{0, 0.16F, 0.04F},
         {0.82F, 0.88F, 0.03F},
         {kRoomHeight - 0.22F, kRoomHeight, 0.14F}}};
    for (const Band &band : kBands) {
        // The side walls' end where the end wall's begins: no two faces in
        // one place.
        const float corner = -kInnerLength + band.depth;
        room.box({-kHalfWidth, band.low, corner},
                 {-kHalfWidth + band.depth, band.high, 0}, kWhite);
        room.box({kHalfWidth - band.depth, band.low, corner},
                 {kHalfWidth, band.high, 0}, kWhite);
        const float end = kDoorHalfWidth + 0.14F;
        const float z = -kInnerLength;
        if (band.low > kDoorHeight) {
            room.box({-kHalfWidth, band.low, z},
                     {kHalfWidth, band.high, z + band.depth}, kWhite);
        } else {
            room.box({-kHalfWidth, band.low, z},
                     {-end, band.high, z + band.depth}, kWhite);
            room.box({end, band.low, z},
                     {kHalfWidth, band.high, z + band.depth}, kWhite);
        }
    }
}

void add_ceiling(RoomBuilder &room) {
    constexpr float w = kHalfWidth;
    constexpr float sw = 1.5F; // half the skylight's width
    constexpr float z0 = -1.5F;
    constexpr float z1 = -kInnerLength + 1.5F;
    constexpr float h = kRoomHeight;
    const glm::vec3 paint = kWhite * 0.92F;
    const auto strip = [&](float x0, float x1, float from, float to, int nx,
                           int nz) {
        room.wall({x0, h, to}, {x1 - x0, 0, 0}, {0, 0, from - to}, nx, nz,
                  paint, 2.5F);
    };
    strip(-w, -sw, 0, -kInnerLength, 3, 6);
    strip(sw, w, 0, -kInnerLength, 3, 6);
    strip(-sw, sw, 0, z0, 3, 2);
    strip(-sw, sw, z1, -kInnerLength, 3, 2);
    // The light box: a raised pane with bright sides and two bars.
    constexpr float top = h + 0.35F;
    const glm::vec3 side = kWhite * 1.0F;
    room.quad({-sw, h, z0}, {-sw, h, z1}, {-sw, top, z1}, {-sw, top, z0}, side);
    room.quad({sw, h, z1}, {sw, h, z0}, {sw, top, z0}, {sw, top, z1}, side);
    room.quad({-sw, h, z1}, {sw, h, z1}, {sw, top, z1}, {-sw, top, z1}, side);
    room.quad({sw, h, z0}, {-sw, h, z0}, {-sw, top, z0}, {sw, top, z0}, side);
    room.quad({-sw, top, z1}, {sw, top, z1}, {sw, top, z0}, {-sw, top, z0},
              {1.0F, 1.0F, 1.0F});
    for (const float x : {-0.5F, 0.5F})
        room.box({x - 0.05F, top - 0.08F, z1}, {x + 0.05F, top, z0},
                 kWhite * 0.6F);
    const float zm = (z0 + z1) / 2;
    room.box({-sw, top - 0.08F, zm - 0.05F}, {sw, top, zm + 0.05F},
             kWhite * 0.6F);
}

} // namespace

std::array<glm::vec3, kExhibitsARoom> exhibit_places() {
    return {{{-2.15F, 0, -3.3F}, {2.15F, 0, -3.3F}}};
}

RoomShape build_room(glm::vec3 wall) {
    RoomBuilder room;
    const auto spots = picture_spots();

    room.begin(Surface::Plaster);
    for (const PictureSpot &spot : spots)
        room.frame(spot);
    for (const glm::vec3 &place : exhibit_places()) {
        constexpr float r = 0.36F;
        room.box(place + glm::vec3(-r - 0.07F, 0, -r - 0.07F),
                 place + glm::vec3(r + 0.07F, 0.12F, r + 0.07F), kStone * 0.9F);
        room.box(place + glm::vec3(-r, 0.12F, -r),
                 place + glm::vec3(r, kPedestalHeight - 0.08F, r), kStone);
        room.box(
            place + glm::vec3(-r - 0.05F, kPedestalHeight - 0.08F, -r - 0.05F),
            place + glm::vec3(r + 0.05F, kPedestalHeight, r + 0.05F), kStone);
    }
    add_doorway(room);
    add_mouldings(room);
    add_ceiling(room);

    room.begin(Surface::Wall);
    add_walls(room, wall);

    for (const PictureSpot &spot : spots) {
        room.begin(Surface::Picture);
        room.picture(spot);
    }

    room.begin(Surface::Floor);
    room.wall({-kHalfWidth, 0, 0}, {kRoomWidth, 0, 0}, {0, 0, -kRoomLength}, 24,
              20, glm::vec3(1.0F, 0.93F, 0.84F), 2.0F);
    return room.finish();
}

} // namespace gallery
