// SPDX-License-Identifier: MIT
#include "stress/report.hpp"

#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <sstream>
#include <unistd.h>

namespace stress {
namespace {

constexpr std::size_t TRACE_TAIL = 16384;
const std::string TRACING = "/sys/kernel/tracing/";

// Whose the driver says that the frame is; a PTE that was left behind by a move
// shows one that is nobody's.
struct Owner {
    std::uint64_t object = 0;
    std::string words = "no object's";
};

Owner owner_of(std::uint64_t frame) try {
    if (!frame)
        return {.object = 0, .words = "hidden"};
    for (const auto &[id, frames] : support::all_page_frames())
        for (std::size_t i = 0; i < frames.size(); ++i)
            if (frames[i] == frame)
                return {.object = id,
                        .words = fmt::format("object {} page {}", id, i)};
    return {};
} catch (const std::exception &error) {
    return {.object = 0, .words = error.what()};
}

} // namespace

Trace::Trace() {
    support::write_file(TRACING + "trace", "");
    support::write_file(TRACING + "events/gpumem/enable", "1");
}

Trace::~Trace() {
    support::write_errno(TRACING + "events/gpumem/enable", "0");
    support::write_errno(TRACING + "tracing_on", "1");
}

void Report::failed(const std::string &what) const {
    ++totals_.failures;
    const std::string words = fmt::format("gpumem-stress: seed {} pid {}: {}\n",
                                          seed_, ::getpid(), what);
    std::fputs(words.c_str(), stderr);
    if (!totals_.has_words.exchange(true))
        std::copy_n(words.begin(),
                    std::min(words.size() - 1, totals_.words.size() - 1),
                    totals_.words.begin());
}

void Report::wrong(const std::byte *page, const Stamp &stamp,
                   std::ptrdiff_t word, const std::byte *mapping,
                   std::uint64_t frame, const std::string &where) const {
    support::write_errno(TRACING + "tracing_on", "0");
    const auto *words = reinterpret_cast<const std::uint64_t *>(page);
    const auto mapped =
        mapping ? support::pagemap_frames(mapping, 1).front() : 0;
    const Owner of_mapped = owner_of(mapped);
    failed(
        fmt::format("{}: buffer {} page {} version {}: wrong from word {} on "
                    "({:#x}); the driver has it in page frame {}, the mapping "
                    "has {}, which is {}",
                    where, stamp.buffer, stamp.page, stamp.version, word,
                    words[word], frame, mapped, of_mapped.words));
    const std::uint64_t object = owner_of(frame).object;
    show_trace(object ? object : of_mapped.object);
}

void Report::moved(const Stamp &page, std::uint64_t was, std::uint64_t is,
                   std::uint64_t object) const {
    support::write_errno(TRACING + "tracing_on", "0");
    failed(
        fmt::format("buffer {} page {} was pinned in page frame {} and moved "
                    "to {}, which is {}",
                    page.buffer, page.page, was, is, owner_of(is).words));
    show_trace(object);
}

void Report::show_trace(std::uint64_t object) try {
    const std::string trace = support::read_file(TRACING + "trace");
    const std::string mark = fmt::format("object={} ", object);
    std::string ours;
    std::istringstream lines(trace);
    for (std::string line; std::getline(lines, line);)
        if ((line + " ").find(mark) != std::string::npos)
            ours += line + "\n";
    const auto tail = [](const std::string &text) {
        return text.substr(text.size() - std::min(text.size(), TRACE_TAIL));
    };
    fmt::print(stderr, "trace of object {}:\n{}trace:\n{}", object, tail(ours),
               tail(trace));
} catch (const std::exception &error) {
    fmt::print(stderr, "no trace: {}\n", error.what());
}

} // namespace stress
