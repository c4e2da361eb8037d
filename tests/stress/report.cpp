// SPDX-License-Identifier: MIT
#include "stress/report.hpp"

#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

namespace stress {
namespace {

constexpr std::size_t TRACE_TAIL = 16384;
const std::string TRACING = "/sys/kernel/tracing/";

// Whose the driver says that the frame is; a PTE that was left behind by a move
// shows one that is nobody's.
std::string driver_frame(std::uint64_t frame) {
    for (const auto &[id, frames] : support::all_page_frames())
        for (std::size_t i = 0; i < frames.size(); ++i)
            if (frames[i] == frame)
                return fmt::format("object {} page {}", id, i);
    return "no object's";
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
    fmt::print(stderr, "gpumem-stress: seed {} pid {}: {}\n", seed_, ::getpid(),
               what);
}

void Report::wrong(const std::byte *page, const Stamp &stamp,
                   std::ptrdiff_t word, const std::byte *mapping,
                   std::uint64_t frame, const std::string &where) const {
    support::write_errno(TRACING + "tracing_on", "0");
    const auto *words = reinterpret_cast<const std::uint64_t *>(page);
    const auto mapped = support::pagemap_frames(mapping, 1).front();
    failed(fmt::format("{}: buffer {} page {} version {}: wrong from word {} on "
                       "({:#x}); the driver has it in page frame {}, the mapping "
                       "has {}, which is {}",
                       where, stamp.buffer, stamp.page, stamp.version, word,
                       words[word], frame, mapped,
                       mapped ? driver_frame(mapped) : "hidden"));
    std::string trace = support::read_file(TRACING + "trace");
    if (trace.size() > TRACE_TAIL)
        trace.erase(0, trace.size() - TRACE_TAIL);
    std::fwrite(trace.data(), 1, trace.size(), stderr);
}

} // namespace stress
