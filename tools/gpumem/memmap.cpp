// SPDX-License-Identifier: MIT
// gpumem memmap: what every page of physical memory is used for, as a picture,
// a table or JSON.
#include "error.hpp"
#include "files.hpp"
#include "physmem/buddyinfo.hpp"
#include "physmem/picture.hpp"
#include "physmem/snapshot.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tool {
namespace {

struct memmap_options {
    std::string png;
    std::string title = "Physical memory";
    cell_kind cells = cell_kind::automatic;
    bool text = false;
    bool json = false;
};

nlohmann::ordered_json to_json(const class_counts &counts,
                               const std::vector<std::uint64_t> &free) {
    nlohmann::ordered_json pages;
    for (std::size_t i = 0; i < page_classes; ++i)
        pages[key_of(static_cast<page_class>(i))] = counts[i];
    return {{"pages", pages},
            {"free_blocks_by_order", free},
            {"free_2mib_blocks", blocks_of_order(free, 9)}};
}

void print_text(const class_counts &counts,
                const std::vector<std::uint64_t> &free) {
    for (std::size_t i = 0; i < page_classes; ++i) {
        const auto c = static_cast<page_class>(i);
        if (c != page_class::absent)
            fmt::print("{:<26}{:>10} pages {:>10.1f} MiB\n", label_of(c),
                       counts[i], static_cast<double>(counts[i]) / 256);
    }
    for (std::size_t i = 0; i < free.size(); ++i)
        fmt::print("free blocks of order {:<5}{:>10}\n", i, free[i]);
    fmt::print("free 2 MiB blocks         {:>10}\n", blocks_of_order(free, 9));
}

void run(const memmap_options &opt) {
    const snapshot memory = snapshot::of_this_machine();
    const auto free = parse_buddyinfo(read_text("/proc/buddyinfo"));
    if (!opt.png.empty())
        draw_png(memory, opt.cells, {opt.title, free}, opt.png);
    if (opt.json)
        fmt::print("{}\n", to_json(memory.counts(), free).dump(2));
    else if (opt.text || opt.png.empty())
        print_text(memory.counts(), free);
}

} // namespace

void add_memmap(CLI::App &app) {
    auto opt = std::make_shared<memmap_options>();
    CLI::App *cmd = app.add_subcommand(
        "memmap", "Show what every page of physical memory is used for");
    cmd->add_option("--png", opt->png, "Draw a picture into this file");
    cmd->add_option("--title", opt->title, "Title of the picture")
        ->capture_default_str();
    const std::map<std::string, cell_kind> kinds = {
        {"auto", cell_kind::automatic},
        {"page", cell_kind::page},
        {"block", cell_kind::block},
    };
    cmd->add_option("--cells", opt->cells,
                    "What a dot of the picture stands for")
        ->transform(CLI::CheckedTransformer(kinds))
        ->option_text("auto|page|block (auto)");
    auto *text = cmd->add_flag("--text", opt->text,
                               "Print a table (default without --png)");
    cmd->add_flag("--json", opt->json, "Print JSON")->excludes(text);
    cmd->footer("Root only. Buffers of gpumem are told apart if its debugfs "
                "directory can be read.");
    cmd->callback([opt] { run(*opt); });
}

} // namespace tool
