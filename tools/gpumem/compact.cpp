// SPDX-License-Identifier: MIT
// gpumem compact: make page blocks free by moving pages of buffers, once.
#include "device.hpp"
#include "error.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

namespace tool {
namespace {

struct compact_options {
    std::string device;
    std::uint64_t pages = 65536;
    std::uint64_t ms = 0;
    bool json = false;
};

gpumem_compaction compact(const compact_options &opt) {
    const device_ptr dev = open_device(opt.device);
    gpumem_compaction compaction{};
    compaction.size = sizeof(compaction);
    compaction.pages = opt.pages;
    compaction.time_ns = opt.ms * 1000000;
    const int err = gpumem_device_compact(dev.get(), &compaction);
    if (err == -EACCES)
        throw failure("only root may compact the memory of all");
    if (err)
        throw errno_failure("compacting", err);
    return compaction;
}

void run(const compact_options &opt) {
    const gpumem_compaction got = compact(opt);
    const nlohmann::ordered_json result = {
        {"pages_moved", got.pages_moved},
        {"blocks_freed", got.blocks_freed},
        {"pages_scanned", got.pages_scanned},
        {"done", got.done != 0},
    };
    if (opt.json) {
        fmt::print("{}\n", result.dump(2));
        return;
    }
    for (const auto &[key, value] : result.items())
        fmt::print("{:<16}{}\n", key, value.dump());
}

} // namespace

void add_compact(CLI::App &app) {
    auto opt = std::make_shared<compact_options>();
    CLI::App *cmd = app.add_subcommand(
        "compact", "Make page blocks free by moving pages of buffers");
    cmd->add_option("--device", opt->device,
                    "Device node (default: found by driver name)");
    cmd->add_option("--pages", opt->pages, "Move no more pages than this")
        ->capture_default_str()
        ->check(CLI::Range(1u, 65536u));
    cmd->add_option("--ms", opt->ms,
                    "Take no longer than this; 0: as long as it takes")
        ->capture_default_str()
        ->check(CLI::Range(0u, 3600000u));
    cmd->add_flag("--json", opt->json, "Print JSON");
    cmd->footer("Goes on where the last call has stopped; \"done\" says whether "
                "anything was left to be gained.");
    cmd->callback([opt] { run(*opt); });
}

} // namespace tool
