// SPDX-License-Identifier: MIT
// gpumem-gallery: a walk through a gallery whose textures and models live in
// gpumem buffers that the kernel may move while they are drawn. Everything
// depends on the frame number alone, so every frame has one right picture: its
// CRC must be the same in every run.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

#include "error.hpp"
#include "walk.hpp"

int main(int argc, char **argv) {
    gallery::Options options;
    CLI::App app("Draw a walk through a gallery from movable GPU buffers, on "
                 "lavapipe and vkms.",
                 "gpumem-gallery");
    app.add_option("--frames", options.frames, "Frames to draw")
        ->check(CLI::Range(1U, 100000U))
        ->capture_default_str();
    app.add_option("--size", options.size,
                   "WIDTHxHEIGHT, a mode of the display")
        ->capture_default_str();
    app.add_option("--out", options.out,
                   "Directory for result.json and pictures")
        ->capture_default_str();
    app.add_option("--budget", options.budget,
                   "MiB of textures and models in memory")
        ->check(CLI::Range(1U, 4096U))
        ->capture_default_str();
    app.add_option("--data", options.data,
                   "Directory of glmark2's models and textures")
        ->capture_default_str();
    app.add_option("--png-every", options.png_every,
                   "Write every Nth frame as a picture");
    app.add_option("--hold-file", options.hold_file,
                   "When done, keep everything allocated while FILE exists")
        ->type_name("FILE");
    app.add_option("--import", options.import,
                   "What Vulkan imports of a buffer: its mapping's address or "
                   "its dma-buf")
        ->check(CLI::IsMember({"host", "dmabuf"}))
        ->capture_default_str();
    app.add_flag("--no-display", options.no_display,
                 "Render only; pictures and checksums by the CPU instead of "
                 "write-backs and CRCs by vkms");
    app.add_flag("--validate", options.validate,
                 "Run under VK_LAYER_KHRONOS_validation; a message makes the "
                 "exit status 3");
    app.add_flag("--progress", options.progress,
                 "Print 'frame I N' after each frame");
    app.footer("Exit status: 0, 1 if something needed is missing or failed or "
               "a picture is not what was\ndrawn, 2 for a wrong command line, "
               "3 if the validation layer had something to say.\nSIGTERM and "
               "SIGINT end the walk (status 1) or the hold (status 0).");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) // --help
            return app.exit(error);
        std::fprintf(stderr, "gpumem-gallery: %s (see --help)\n",
                     error.what());
        return gallery::kExitUsage;
    }
    try {
        return gallery::walk(options);
    } catch (const gallery::Error &error) {
        std::fprintf(stderr, "gpumem-gallery: %s\n", error.what());
        return error.code();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "gpumem-gallery: %s\n", error.what());
        return gallery::kExitFailed;
    }
}
