// SPDX-License-Identifier: MIT
// gpumem-gallery: a walk through a gallery whose textures and models live in
// gpumem buffers that the kernel may move while they are drawn. Everything
// depends on the frame number alone, so every frame has one right picture: its
// CRC must be the same in every run.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "display.hpp"
#include "renderer.hpp"

namespace gallery {

namespace {

struct Options {
    unsigned frames = 300;
    std::string size = "640x480";
    std::string out = "out/gallery";
    std::string data = "/usr/share/glmark2";
    unsigned budget = 96;
    unsigned png_every = 0;
    bool no_display = false;
    bool validate = false;
    bool progress = false;
};

// FNV-1a over the visible pixels, for runs without a display.
std::string checksum(const FrameView &frame) {
    std::uint32_t sum = 2166136261U;
    for (int y = 0; y < frame.height; y++)
        for (int x = 0; x < frame.width * 4; x++)
            if (x % 4 != 3)
                sum =
                    (sum ^
                     static_cast<std::uint32_t>(
                         frame.bytes[static_cast<std::size_t>(y) * frame.pitch +
                                     static_cast<std::size_t>(x)])) *
                    16777619U;
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", sum);
    return text.data();
}

double percentile(std::vector<double> values, double part) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(
        part * static_cast<double>(values.size() - 1))];
}

int run(const Options &options) {
    int width = 0, height = 0, used = 0;
    if (std::sscanf(options.size.c_str(), "%dx%d%n", &width, &height, &used) !=
            2 ||
        used != static_cast<int>(options.size.size()) || width < 16 ||
        height < 16 || width > 4096 || height > 4096)
        throw Error("--size: '" + options.size +
                        "' is not WIDTHxHEIGHT from 16x16 to 4096x4096",
                    kExitUsage);

    const gpumem::Device device = gpumem::Device::open();
    std::unique_ptr<Display> display;
    if (!options.no_display)
        display = std::make_unique<Display>(width, height);
    const Vulkan vulkan(options.validate);
    const Scene scene(options.data);
    constexpr int kFrames = 3;
    Renderer renderer(vulkan, device, scene, width, height, kFrames);

    StreamingConfig config;
    config.rooms = kRooms;
    config.budget = std::uint64_t{options.budget} << 20;
    config.bytes_a_step = 4 << 20;
    Streaming streaming(renderer.asset_infos(), config);
    if (streaming.least_budget() > config.budget)
        throw Error("--budget: needs at least " +
                        std::to_string((streaming.least_budget() >> 20) + 1) +
                        " MiB",
                    kExitUsage);
    if (display)
        for (std::size_t i = 0; i < kFrames; i++)
            display->add(renderer.frame(i).memory.bo(),
                         renderer.frame(i).offset, renderer.frame(i).pitch);

    const std::filesystem::path out(options.out);
    std::filesystem::create_directories(out);
    const auto moved = device.stats().moved;
    const float aspect = static_cast<float>(width) / static_cast<float>(height);
    std::vector<std::string> crcs;
    std::vector<double> times;
    for (unsigned n = 0; n < options.frames; n++) {
        const auto begun = std::chrono::steady_clock::now();
        const Camera camera = camera_at(n, aspect);
        const std::size_t buffer = n % kFrames;
        renderer.draw(n ? streaming.step(camera.room)
                        : streaming.fill(camera.room),
                      camera, buffer);
        times.push_back(std::chrono::duration<double, std::milli>(
                            std::chrono::steady_clock::now() - begun)
                            .count());
        crcs.push_back(display ? display->show(buffer)
                               : checksum(renderer.view_of(buffer)));
        const bool last = n + 1 == options.frames;
        if (n == 0)
            write_png(out / "first.png", renderer.view_of(buffer));
        if (last)
            write_png(out / "last.png", renderer.view_of(buffer));
        if (options.png_every && n % options.png_every == 0) {
            std::array<char, 32> name{};
            std::snprintf(name.data(), name.size(), "frame-%05u.png", n);
            write_png(out / name.data(), renderer.view_of(buffer));
        }
        if (options.progress) {
            std::printf("frame %u %u\n", n + 1, options.frames);
            std::fflush(stdout);
        }
    }

    const nlohmann::json result{{"frames", options.frames},
                                {"size", options.size},
                                {"device", vulkan.name},
                                {"displayed", !options.no_display},
                                {"crc", crcs},
                                {"frame_ms",
                                 {{"p50", percentile(times, 0.5)},
                                  {"p99", percentile(times, 0.99)},
                                  {"max", percentile(times, 1.0)}}},
                                {"buffers", renderer.buffers()},
                                {"buffer_bytes", renderer.buffer_bytes()},
                                {"pages_moved", device.stats().moved - moved}};
    std::ofstream file(out / "result.json");
    file << result.dump(1) << '\n' << std::flush;
    if (!file)
        throw Error("cannot write " + (out / "result.json").string());
    std::printf("%u frames, p50 %.1f ms, %zu buffers, %llu pages moved\n",
                options.frames, percentile(times, 0.5), renderer.buffers(),
                static_cast<unsigned long long>(device.stats().moved - moved));
    return vulkan.complaints ? kExitValidation : kExitOk;
}

} // namespace

} // namespace gallery

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
    app.add_flag("--no-display", options.no_display,
                 "Render only; checksums by the CPU instead of CRCs by vkms");
    app.add_flag("--validate", options.validate,
                 "Run under VK_LAYER_KHRONOS_validation; a message makes the "
                 "exit status 3");
    app.add_flag("--progress", options.progress,
                 "Print 'frame I N' after each frame");
    app.footer("Exit status: 0, 1 if something needed is missing or failed, 2 "
               "for a wrong command line, 3 if the\n"
               "validation layer had something to say.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) ? gallery::kExitUsage : gallery::kExitOk;
    }
    try {
        return gallery::run(options);
    } catch (const gallery::Error &error) {
        std::fprintf(stderr, "gpumem-gallery: %s\n", error.what());
        return error.code();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "gpumem-gallery: %s\n", error.what());
        return gallery::kExitFailed;
    }
}
