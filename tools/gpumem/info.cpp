// SPDX-License-Identifier: MIT
// gpumem info: what the driver says about itself.
#include "device.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace tool {
namespace {

struct info_options {
    std::string device;
    bool json = false;
};

nlohmann::ordered_json to_json(const gpumem_device_stats &s) {
    return {
        {"backing", gpumem_backing_name(s.backing)},
        {"movable", s.movable != 0},
        {"objects", s.objects},
        {"bytes", s.bytes},
        {"resident_pages", s.resident_pages},
        {"pinned_objects", s.pinned_objects},
        {"isolated", s.isolated},
        {"moved", s.moved},
        {"put_back", s.put_back},
        {"refused_pinned", s.refused_pinned},
        {"refused_busy", s.refused_busy},
        {"faults", s.faults},
        {"purged", s.purged},
        {"cold_pages", s.cold_pages},
        {"evicted", s.evicted},
        {"restored", s.restored},
    };
}

void run(const info_options &opt) {
    const device_ptr dev = open_device(opt.device);
    const auto stats = to_json(device_stats(dev.get()));
    if (opt.json) {
        fmt::print("{}\n", stats.dump(2));
        return;
    }
    for (const auto &[key, value] : stats.items())
        fmt::print("{:<16}{}\n", key,
                   value.is_string() ? value.get<std::string>()
                                     : value.dump());
}

} // namespace

void add_info(CLI::App &app) {
    auto opt = std::make_shared<info_options>();
    CLI::App *cmd = app.add_subcommand("info", "Print the device's state and counters");
    cmd->add_option("--device", opt->device,
                    "Device node (default: found by driver name)");
    cmd->add_flag("--json", opt->json, "Print JSON");
    cmd->callback([opt] { run(*opt); });
}

} // namespace tool
