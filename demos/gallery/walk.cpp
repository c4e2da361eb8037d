// SPDX-License-Identifier: MIT
#include "walk.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "display.hpp"
#include "hold.hpp"
#include "png_file.hpp"
#include "renderer.hpp"

namespace gallery {

namespace {

// Drawing, on its way to the screen, on screen.
constexpr std::size_t kFrameBuffers = 3;

std::pair<int, int> parse_size(const std::string &text) {
    int width = 0, height = 0, used = 0;
    if (std::sscanf(text.c_str(), "%dx%d%n", &width, &height, &used) != 2 ||
        used != static_cast<int>(text.size()) || width < 16 || height < 16 ||
        width > 4096 || height > 4096)
        throw Error("--size: '" + text +
                        "' is not WIDTHxHEIGHT from 16x16 to 4096x4096",
                    kExitUsage);
    return {width, height};
}

double percentile(std::vector<double> values, double part) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(
        part * static_cast<double>(values.size() - 1))];
}

// The pictures that a frame becomes.
std::vector<std::string> picture_names(const Options &options, unsigned n) {
    std::vector<std::string> names;
    if (n == 0)
        names.emplace_back("first.png");
    if (n + 1 == options.frames)
        names.emplace_back("last.png");
    if (options.png_every && n % options.png_every == 0) {
        std::array<char, 32> name{};
        std::snprintf(name.data(), name.size(), "frame-%05u.png", n);
        names.emplace_back(name.data());
    }
    return names;
}

Streaming make_streaming(const Renderer &renderer, const Options &options) {
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
    return streaming;
}

class Walk {
public:
    Walk(const Options &options, Validation &validation)
        : options_(options), out_(options.out), size_(parse_size(options.size)),
          device_(gpumem::Device::open()),
          display_(options.no_display
                       ? nullptr
                       : std::make_unique<Display>(device_, size_.first,
                                                   size_.second)),
          vulkan_(validation,
                  options.import == "dmabuf" ? Import::DmaBuf : Import::Host),
          scene_(options.data), renderer_(vulkan_, device_, scene_, size_.first,
                                          size_.second, kFrameBuffers),
          streaming_(make_streaming(renderer_, options)),
          all_moved_before_(device_.stats().moved) {
        std::filesystem::create_directories(out_);
        if (display_)
            for (std::size_t i = 0; i < kFrameBuffers; i++)
                display_->add(renderer_.frame(i).memory.bo(),
                              renderer_.frame(i).offset,
                              renderer_.frame(i).pitch);
        // So that the first frame is a frame like any other.
        renderer_.draw(streaming_.fill(camera(0).room), camera(0), 0);
    }

    void frame(unsigned n) {
        const std::size_t buffer = n % kFrameBuffers;
        const auto begun = std::chrono::steady_clock::now();
        renderer_.draw(streaming_.step(camera(n).room), camera(n), buffer);
        times_.push_back(std::chrono::duration<double, std::milli>(
                             std::chrono::steady_clock::now() - begun)
                             .count());
        crcs_.push_back(display_ ? display_->show(buffer)
                                 : checksum(renderer_.view_of(buffer)));
        const auto names = picture_names(options_, n);
        if (names.empty())
            return;
        const FrameView picture =
            display_ ? scanned_out(n, buffer) : renderer_.view_of(buffer);
        for (const std::string &name : names)
            write_png(out_ / name, picture);
    }

    void write_result() const {
        const gpumem::DeviceStats stats = device_.stats();
        const nlohmann::json result{
            {"frames", options_.frames},
            {"size", options_.size},
            {"device", vulkan_.name},
            {"import", options_.import},
            {"backing", gpumem_backing_name(stats.backing)},
            {"displayed", display_ != nullptr},
            {"crc", crcs_},
            {"frame_ms",
             {{"p50", percentile(times_, 0.5)},
              {"p99", percentile(times_, 0.99)},
              {"max", percentile(times_, 1.0)}}},
            {"buffers", renderer_.buffers()},
            {"buffer_bytes", renderer_.buffer_bytes()},
            {"pages_moved", renderer_.pages_moved()},
            {"pages_moved_of_all", stats.moved - all_moved_before_}};
        std::ofstream file(out_ / "result.json");
        file << result.dump(1) << '\n' << std::flush;
        if (!file)
            throw Error("cannot write " + (out_ / "result.json").string());
        std::printf(
            "%u frames, p50 %.1f ms, %zu buffers, %llu pages moved\n",
            options_.frames, percentile(times_, 0.5), renderer_.buffers(),
            static_cast<unsigned long long>(renderer_.pages_moved()));
        std::fflush(stdout);
    }

private:
    [[nodiscard]] Camera camera(unsigned n) const {
        return camera_at(n, static_cast<float>(size_.first) /
                                static_cast<float>(size_.second));
    }

    // What vkms showed of the frame; it must be what was drawn.
    FrameView scanned_out(unsigned n, std::size_t buffer) {
        const FrameView shown = display_->write_back();
        if (const auto at = first_difference(renderer_.view_of(buffer), shown))
            throw Error("frame " + std::to_string(n) +
                        ": what was scanned out differs from what was drawn, "
                        "first at pixel " +
                        std::to_string(at->first) + "," +
                        std::to_string(at->second));
        return shown;
    }

    const Options &options_;
    const std::filesystem::path out_;
    const std::pair<int, int> size_;
    const gpumem::Device device_;
    const std::unique_ptr<Display> display_;
    const Vulkan vulkan_;
    const Scene scene_;
    Renderer renderer_;
    Streaming streaming_;
    const std::uint64_t all_moved_before_;
    std::vector<std::string> crcs_;
    std::vector<double> times_; // of drawing, ms
};

} // namespace

int walk(const Options &options) {
    if (!options.hold_file.empty())
        check_hold_file(options.hold_file);
    catch_stop_signals();
    Validation validation{options.validate, 0};
    {
        Walk walk(options, validation);
        for (unsigned n = 0; n < options.frames; n++) {
            if (stop_requested())
                throw Error("stopped by a signal after " + std::to_string(n) +
                            " of " + std::to_string(options.frames) +
                            " frames");
            walk.frame(n);
            if (options.progress) {
                std::printf("frame %u %u\n", n + 1, options.frames);
                std::fflush(stdout);
            }
        }
        walk.write_result();
        if (!options.hold_file.empty())
            hold_while_exists(options.hold_file);
    }
    return validation.messages ? kExitValidation : kExitOk;
}

} // namespace gallery
