// SPDX-License-Identifier: MIT
// gpumem fragment: break free memory into crumbs with buffers whose pages are
// interleaved, most of which are then freed, as hours of buffers coming and
// going do. What stays is held, and checked at the end: a page that moved must
// still say what was written to it.
#include "args.hpp"
#include "cli_check.hpp"
#include "device.hpp"
#include "error.hpp"
#include "files.hpp"
#include "stop.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace tool {
namespace {

struct fragment_options {
    std::string device;
    double free_percent = 10;
    std::string keep = "1/4";
    unsigned buffer_kib = 1024;
    std::string hold_file;
    bool hold = true;
    bool json = false;
};

constexpr std::size_t page_size = 4096;

std::uint64_t available_kib() {
    return keyed_number(read_text("/proc/meminfo"), "MemAvailable");
}

// Populating a page of a mapping can fail only by signal.
void on_sigbus(int) {
    static const char text[] = "gpumem: fragment: no memory for a page of a "
                               "buffer; leave more with --free-percent\n";
    const ssize_t ignored = ::write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)ignored;
    _exit(static_cast<int>(exit_status::failed));
}

// A buffer whose every page carries its own number.
class tagged_buffer {
public:
    tagged_buffer(gpumem_device *dev, std::size_t bytes, std::uint32_t number)
        : number_(number) {
        gpumem_bo *bo = nullptr;
        if (int err = gpumem_bo_create(dev, bytes, 0, &bo))
            throw errno_failure("creating a buffer", err);
        bo_.reset(bo);
        void *addr = nullptr;
        if (int err = gpumem_bo_map(bo, &addr))
            throw errno_failure("mapping a buffer", err);
        base_ = static_cast<char *>(addr);
    }

    void tag(std::size_t page) { *slot(page) = expected(page); }
    bool intact(std::size_t page) const {
        return *slot(page) == expected(page);
    }

private:
    volatile std::uint64_t *slot(std::size_t page) const {
        // Not always the same cache line of the page.
        const std::size_t at = (page * 72 + number_ * 8) % (page_size - 8);
        return reinterpret_cast<volatile std::uint64_t *>(
            base_ + page * page_size + at / 8 * 8);
    }
    std::uint64_t expected(std::size_t page) const {
        return (std::uint64_t{number_} << 32 | page) ^ 0x9e3779b97f4a7c15u;
    }

    bo_ptr bo_;
    char *base_ = nullptr;
    std::uint32_t number_;
};

// Holds until a stop signal, the end of the hold file, or the end of standard
// input where there is no hold file.
void hold(const fragment_options &opt) {
    while (!stop_requested()) {
        if (!opt.hold_file.empty()) {
            if (::access(opt.hold_file.c_str(), F_OK) != 0)
                return;
            sleep_or_stop(std::chrono::milliseconds(100));
            continue;
        }
        pollfd in{STDIN_FILENO, POLLIN, 0};
        if (::poll(&in, 1, 500) <= 0)
            continue;
        char sink[256];
        if (::read(STDIN_FILENO, sink, sizeof(sink)) <= 0)
            return;
    }
}

void check_options(const fragment_options &opt) {
    if (!(opt.free_percent >= 2 && opt.free_percent <= 95)) // NaN too
        throw failure("--free-percent wants a number from 2 to 95",
                      exit_status::usage);
    if (!opt.hold_file.empty() && !opt.hold)
        throw failure("--hold-file and --no-hold exclude each other",
                      exit_status::usage);
    if (!opt.hold_file.empty() && ::access(opt.hold_file.c_str(), F_OK) != 0)
        throw errno_failure("--hold-file " + opt.hold_file, errno);
}

void run(const fragment_options &opt) {
    check_options(opt);
    const fraction keep = parse_fraction(opt.keep);
    const std::size_t pages = opt.buffer_kib * std::size_t{1024} / page_size;

    catch_stop_signals();
    std::signal(SIGBUS, on_sigbus);
    // If this takes too much, this and nobody else is to be killed for it.
    try {
        write_text("/proc/self/oom_score_adj", "1000");
    } catch (const failure &) {
        // Not allowed in some containers, and no reason to give up.
    }

    const device_ptr dev = open_device(opt.device);
    const std::uint64_t total =
        keyed_number(read_text("/proc/meminfo"), "MemTotal");
    const auto floor =
        static_cast<std::uint64_t>(static_cast<double>(total) *
                                   opt.free_percent / 100);
    const std::uint64_t before = available_kib();
    const std::uint64_t count =
        before > floor ? (before - floor) / opt.buffer_kib : 0;
    if (count < keep.whole)
        throw failure(fmt::format(
            "only {} MiB are available, {} MiB are to stay: nothing to "
            "fragment",
            before / 1024, floor / 1024));

    std::vector<std::unique_ptr<tagged_buffer>> buffers;
    for (std::uint64_t i = 0; i < count; ++i)
        buffers.push_back(std::make_unique<tagged_buffer>(
            dev.get(), pages * page_size, static_cast<std::uint32_t>(i)));

    // Page i of every buffer in turn: neighbours in memory then belong to
    // different buffers.
    std::size_t filled = 0;
    for (; filled < pages; ++filled) {
        if (stop_requested())
            return;
        // The estimate at the start knows nothing of page tables.
        if (filled > 0 && available_kib() < floor)
            break;
        for (auto &b : buffers)
            b->tag(filled);
    }

    for (std::size_t i = 0; i < buffers.size(); ++i)
        if (i % keep.whole >= keep.part)
            buffers[i].reset();
    std::erase(buffers, nullptr);

    const nlohmann::ordered_json state = {
        {"movable", device_stats(dev.get()).movable != 0},
        {"buffers_made", count},
        {"buffers_kept", buffers.size()},
        {"buffer_bytes", pages * page_size},
        {"pages_touched", filled * count},
        {"pages_kept", filled * buffers.size()},
        {"available_kib_before", before},
        {"available_kib_after", available_kib()},
    };
    if (opt.json)
        fmt::print("{}\n", state.dump());
    else
        fmt::print("ready: {} of {} buffers kept, {} pages in every one; "
                   "{} MiB available\n",
                   buffers.size(), count, filled, available_kib() / 1024);
    std::fflush(stdout);

    if (opt.hold)
        hold(opt);

    std::uint64_t wrong = 0;
    for (const auto &b : buffers)
        for (std::size_t i = 0; i < filled; ++i)
            if (!b->intact(i))
                ++wrong;
    if (wrong)
        throw failure(fmt::format("{} of {} kept pages lost what was written "
                                  "to them",
                                  wrong, filled * buffers.size()));
    if (opt.json)
        fmt::print("{}\n", nlohmann::ordered_json{
                               {"pages_intact", filled * buffers.size()}}
                               .dump());
    else
        fmt::print("done: all {} kept pages intact\n",
                   filled * buffers.size());
}

} // namespace

void add_fragment(CLI::App &app) {
    auto opt = std::make_shared<fragment_options>();
    CLI::App *cmd = app.add_subcommand(
        "fragment", "Break free memory into crumbs and hold it so");
    cmd->add_option("--device", opt->device,
                    "Device node (default: found by driver name)");
    cmd->add_option("--free-percent", opt->free_percent,
                    "Fill with buffers until this part of all memory is left")
        ->capture_default_str();
    cmd->add_option("--keep", opt->keep,
                    "Buffers to keep; the others are freed when all is full")
        ->capture_default_str()
        ->check(checked_by(parse_fraction, "N/M"));
    cmd->add_option("--buffer-kib", opt->buffer_kib,
                    "Size of a buffer in KiB, a multiple of a page's 4")
        ->capture_default_str()
        ->check(CLI::Range(4u, 65536u))
        ->check(CLI::Validator(
            [](const std::string &text) {
                return std::stoul(text) % 4 == 0
                           ? std::string()
                           : text + " KiB are not whole pages of 4 KiB";
            },
            ""));
    cmd->add_option("--hold-file", opt->hold_file,
                    "Hold until this file is gone (default: until standard "
                    "input ends)");
    cmd->add_flag("!--no-hold", opt->hold, "Do not hold, check and end");
    cmd->add_flag("--json", opt->json, "Print JSON, a line when the memory is "
                                       "fragmented and a line at the end");
    cmd->footer("A first line is printed when memory is fragmented. SIGTERM, "
                "SIGINT and SIGHUP end the holding.\nEvery kept page is "
                "checked at the end; a page that lost its contents makes the "
                "exit status 1.\nWith the module parameter movable=0 the same "
                "buffers cannot be moved: the control.");
    cmd->callback([opt] { run(*opt); });
}

} // namespace tool
