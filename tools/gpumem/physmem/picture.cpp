// SPDX-License-Identifier: MIT
#include "physmem/picture.hpp"

#include "error.hpp"
#include "physmem/buddyinfo.hpp"

#include <algorithm>
#include <array>
#include <cairo.h>
#include <cmath>
#include <fmt/format.h>
#include <memory>

namespace tool {
namespace {

using rgb = std::uint32_t;

constexpr rgb background = 0xffffff;
constexpr rgb ink = 0x1f2328;

// In the order of enum page_class.
constexpr std::array<rgb, page_classes> colours = {
    0xeeeeee, // absent
    0x2ea043, // free_block
    0xd9ead3, // free_crumb
    0x6cb6ff, // page_cache
    0xb392f0, // anonymous
    0xf0883e, // gpumem_movable
    0xe5144c, // gpumem_pinned
    0x8b1a2f, // gpumem_unmovable
    0xf2d024, // huge
    0x57606a, // kernel
};

rgb colour_of(page_class c) { return colours[static_cast<std::size_t>(c)]; }

// How the tiles lie in the picture, in pixels.
struct layout {
    int tile_width;
    int tile_height;
    int columns;
    int rows;

    int width() const { return columns * (tile_width + 1) + 1; }
    int height() const { return rows * (tile_height + 1) + 1; }
};

constexpr std::size_t most_page_tiles = 4096;
constexpr int page_tile_width = 32;
constexpr int page_tile_height = 16;
constexpr int block_tile = 6;
constexpr int margin = 16;
constexpr int title_height = 34;
constexpr int legend_row = 24;
constexpr double font_size = 15;

// About 16:10.
layout plan(std::size_t blocks, bool page_cells) {
    layout l{};
    l.tile_width = page_cells ? page_tile_width : block_tile;
    l.tile_height = page_cells ? page_tile_height : block_tile;
    const double area = static_cast<double>(blocks) * (l.tile_width + 1) *
                        (l.tile_height + 1);
    const int fit = static_cast<int>(std::sqrt(area * 1.6) /
                                     (l.tile_width + 1));
    const int n = static_cast<int>(blocks);
    l.columns = std::clamp(fit, 1, std::max(n, 1));
    l.rows = (n + l.columns - 1) / l.columns;
    return l;
}

struct surface_deleter {
    void operator()(cairo_surface_t *s) const { cairo_surface_destroy(s); }
};
struct cairo_deleter {
    void operator()(cairo_t *c) const { cairo_destroy(c); }
};
using surface_ptr = std::unique_ptr<cairo_surface_t, surface_deleter>;
using cairo_ptr = std::unique_ptr<cairo_t, cairo_deleter>;

void check(cairo_status_t status, const std::string &what) {
    if (status != CAIRO_STATUS_SUCCESS)
        throw failure(what + ": " + cairo_status_to_string(status));
}

void set_colour(cairo_t *c, rgb colour) {
    cairo_set_source_rgb(c, (colour >> 16 & 255) / 255.0,
                         (colour >> 8 & 255) / 255.0, (colour & 255) / 255.0);
}

// Pages are single pixels, which cairo's paths would only blur.
void draw_tiles(cairo_surface_t *surface, const snapshot &memory,
                const layout &l, bool page_cells, int left, int top) {
    cairo_surface_flush(surface);
    auto *data = cairo_image_surface_get_data(surface);
    const int stride = cairo_image_surface_get_stride(surface);
    for (std::size_t b = 0; b < memory.blocks(); ++b) {
        const auto pages = memory.pages(b);
        const int column = static_cast<int>(b) % l.columns;
        const int row = static_cast<int>(b) / l.columns;
        const int x0 = left + 1 + column * (l.tile_width + 1);
        const int y0 = top + 1 + row * (l.tile_height + 1);
        const page_class whole = class_of_block(pages);
        for (int y = 0; y < l.tile_height; ++y) {
            auto *line = reinterpret_cast<std::uint32_t *>(
                data + static_cast<std::ptrdiff_t>(y0 + y) * stride);
            for (int x = 0; x < l.tile_width; ++x)
                line[x0 + x] =
                    0xff000000u |
                    colour_of(page_cells
                                  ? pages[static_cast<std::size_t>(
                                        y * l.tile_width + x)]
                                  : whole);
        }
    }
    cairo_surface_mark_dirty(surface);
}

void draw_text(cairo_t *c, double x, double y, const std::string &text) {
    set_colour(c, ink);
    cairo_move_to(c, x, y);
    cairo_show_text(c, text.c_str());
}

std::string mib(std::uint64_t pages) {
    return fmt::format("{:.1f} MiB", static_cast<double>(pages) / 256);
}

struct legend_entry {
    rgb colour;
    std::string text;
};

std::vector<legend_entry> legend(const class_counts &counts) {
    std::vector<legend_entry> entries;
    for (std::size_t i = 0; i < page_classes; ++i) {
        const auto c = static_cast<page_class>(i);
        if (counts[i] == 0 || c == page_class::absent)
            continue;
        entries.push_back({colour_of(c),
                           fmt::format("{}: {}", label_of(c), mib(counts[i]))});
    }
    return entries;
}

std::string free_line(const std::vector<std::uint64_t> &free_by_order) {
    std::string line = "free blocks by order:";
    for (std::size_t i = 0; i < free_by_order.size(); ++i)
        line += fmt::format("  {}:{}", i, free_by_order[i]);
    return line + fmt::format("   2 MiB blocks: {}",
                              blocks_of_order(free_by_order, 9));
}

} // namespace

page_class class_of_block(std::span<const page_class> pages) {
    class_counts counts{};
    for (page_class c : pages)
        ++counts[static_cast<std::size_t>(c)];
    const auto most = std::max_element(counts.begin(), counts.end());
    return static_cast<page_class>(most - counts.begin());
}

void draw_png(const snapshot &memory, cell_kind cells,
              const picture_text &text, const std::string &path) {
    const bool page_cells =
        cells == cell_kind::page ||
        (cells == cell_kind::automatic && memory.blocks() <= most_page_tiles);
    const layout l = plan(memory.blocks(), page_cells);
    const auto entries = legend(memory.counts());

    // The legend below the tiles, in columns.
    constexpr int legend_column = 315;
    const int width = std::max(l.width() + 2 * margin,
                               2 * legend_column + 2 * margin);
    const int per_row = std::max((width - 2 * margin) / legend_column, 1);
    const int legend_rows =
        (static_cast<int>(entries.size()) + per_row - 1) / per_row;
    const int tiles_top = margin + title_height;
    const int legend_top = tiles_top + l.height() + margin;
    const int height = legend_top + (legend_rows + 2) * legend_row + margin;

    surface_ptr surface(
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
    check(cairo_surface_status(surface.get()), "making the picture");
    cairo_ptr c(cairo_create(surface.get()));
    set_colour(c.get(), background);
    cairo_paint(c.get());
    draw_tiles(surface.get(), memory, l, page_cells, margin, tiles_top);

    cairo_select_font_face(c.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(c.get(), font_size + 3);
    draw_text(c.get(), margin, margin + font_size, text.title);
    cairo_select_font_face(c.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c.get(), font_size);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const int n = static_cast<int>(i);
        const double x = margin + n % per_row * legend_column;
        const double y = legend_top + n / per_row * legend_row;
        set_colour(c.get(), entries[i].colour);
        cairo_rectangle(c.get(), x, y, font_size, font_size);
        cairo_fill(c.get());
        draw_text(c.get(), x + font_size + 8, y + font_size - 2,
                  entries[i].text);
    }
    cairo_set_font_size(c.get(), font_size - 2);
    const double foot = legend_top + legend_rows * legend_row + font_size;
    draw_text(c.get(), margin, foot, free_line(text.free_by_order));
    draw_text(c.get(), margin, foot + legend_row,
              page_cells ? "one tile is a block of 2 MiB, one dot a page of "
                           "4 KiB; addresses rise from left to right, then "
                           "down"
                         : "one tile is a block of 2 MiB, coloured by what "
                           "most of it is; addresses rise from left to right, "
                           "then down");
    check(cairo_status(c.get()), "drawing");
    check(cairo_surface_write_to_png(surface.get(), path.c_str()), path);
}

} // namespace tool
