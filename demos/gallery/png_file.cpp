// SPDX-License-Identifier: MIT
#include "png_file.hpp"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include <png.h>

#include "error.hpp"

namespace gallery {

namespace {

[[noreturn]] void on_png_error(png_structp png, png_const_charp message) {
    const auto *path =
        static_cast<const std::filesystem::path *>(png_get_error_ptr(png));
    throw Error("cannot write " + path->string() + ": " + message);
}

void on_png_warning(png_structp, png_const_charp) {}

struct Writer {
    png_structp png = nullptr;
    png_infop info = nullptr;

    explicit Writer(const std::filesystem::path &path)
        : png(png_create_write_struct(
              PNG_LIBPNG_VER_STRING, const_cast<std::filesystem::path *>(&path),
              on_png_error, on_png_warning)),
          info(png_create_info_struct(png)) {}
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;
    ~Writer() { png_destroy_write_struct(&png, &info); }
};

} // namespace

void write_png(const std::filesystem::path &path, const FrameView &frame) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(
        std::fopen(path.c_str(), "wb"), &std::fclose);
    if (!file)
        throw Error("cannot write " + path.string());
    const Writer writer(path);
    png_init_io(writer.png, file.get());
    // Speed before size: this runs between frames on an emulated processor.
    png_set_compression_level(writer.png, 1);
    png_set_filter(writer.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(frame.width),
                 static_cast<png_uint_32>(frame.height), 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer.png, writer.info);

    std::vector<png_byte> row(static_cast<std::size_t>(frame.width) * 3);
    for (int y = 0; y < frame.height; y++) {
        const std::byte *from =
            frame.bytes.data() + static_cast<std::size_t>(y) * frame.pitch;
        for (std::size_t x = 0; x < static_cast<std::size_t>(frame.width);
             x++) {
            for (std::size_t k = 0; k < 3; k++)
                row[x * 3 + k] = static_cast<png_byte>(from[x * 4 + 2 - k]);
        }
        png_write_row(writer.png, row.data());
    }
    png_write_end(writer.png, writer.info);
    if (std::fflush(file.get()) != 0)
        throw Error("cannot write " + path.string());
}

} // namespace gallery
