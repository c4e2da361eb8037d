// SPDX-License-Identifier: MIT
#include "support/debugfs.hpp"

#include "support/system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace support {
namespace {

using Lines = std::vector<std::string>;

// The driver leaves out an object whose lock it could not take, and says so.
constexpr auto PAUSE = std::chrono::milliseconds(10);
constexpr int TRIES = 100;
// For who would rather do without.
constexpr int FEW_TRIES = 5;

Lines lines_of(const std::string &name) {
    std::istringstream text(read_file(GPUMEM_DEBUGFS + name));
    Lines found;
    for (std::string line; std::getline(text, line);)
        found.push_back(line);
    return found;
}

bool is_busy(const Lines &lines) {
    return std::ranges::any_of(
        lines, [](const auto &line) { return line.ends_with(" is busy"); });
}

bool is_busy(const Lines &lines, std::uint64_t object) {
    const std::string said = "# " + std::to_string(object) + " is busy";
    return std::ranges::find(lines, said) != lines.end();
}

// Less the header and what is said of busy objects.
Lines entries(Lines lines) {
    std::erase_if(lines,
                  [](const auto &line) { return line.starts_with('#'); });
    return lines;
}

// With none left out.
Lines all_entries(const std::string &name) {
    for (int i = 0; i < TRIES; ++i) {
        Lines lines = lines_of(name);
        if (!is_busy(lines))
            return entries(std::move(lines));
        std::this_thread::sleep_for(PAUSE);
    }
    throw std::runtime_error(GPUMEM_DEBUGFS + name +
                             " shows a busy object each time");
}

std::map<std::uint64_t, std::vector<std::uint64_t>>
frames_in(const Lines &lines) {
    std::map<std::uint64_t, std::vector<std::uint64_t>> objects;
    std::uint64_t pfn = 0, count = 0, id = 0, index = 0;
    for (const std::string &line : entries(lines)) {
        if (!(std::istringstream(line) >> pfn >> count >> id >> index))
            continue;
        auto &frames = objects[id];
        if (frames.size() < index + count)
            frames.resize(index + count);
        for (std::uint64_t i = 0; i < count; ++i)
            frames[index + i] = pfn + i;
    }
    return objects;
}

bool is_there(std::uint64_t object) {
    const Lines lines = lines_of("objects");
    return is_busy(lines, object) ||
           std::ranges::any_of(lines, [&](const auto &line) {
               return line.starts_with(std::to_string(object) + " ");
           });
}

} // namespace

std::map<std::uint64_t, ObjectState> object_states() {
    std::map<std::uint64_t, ObjectState> found;
    std::uint64_t id = 0, resident = 0;
    ObjectState state;
    for (const std::string &line : all_entries("objects"))
        if (std::istringstream(line) >> id >> state.size >> resident >>
            state.pins >> state.moved)
            found[id] = state;
    return found;
}

std::optional<std::uint64_t> moves_of(std::uint64_t object) try {
    for (const std::string &line : entries(lines_of("objects"))) {
        std::uint64_t id = 0, size = 0, resident = 0, pins = 0, moved = 0;
        if (std::istringstream(line) >> id >> size >> resident >> pins >>
                moved &&
            id == object)
            return moved;
    }
    return {};
} catch (const std::runtime_error &) {
    return {};
}

std::uint64_t object_at(std::uint64_t map_offset) {
    std::uint64_t id = 0, size = 0, resident = 0, pins = 0, moved = 0, offset = 0;
    for (int i = 0; i < FEW_TRIES; ++i) {
        const Lines lines = lines_of("objects");
        for (const std::string &line : entries(lines))
            if (std::istringstream(line) >> id >> size >> resident >> pins >>
                    moved >> std::hex >> offset &&
                offset == map_offset)
                return id;
        if (!is_busy(lines))
            break;
        std::this_thread::sleep_for(PAUSE);
    }
    return 0;
}

std::vector<std::uint64_t> object_ids() {
    std::vector<std::uint64_t> ids;
    for (const std::string &line : all_entries("objects"))
        ids.push_back(std::stoull(line));
    return ids;
}

std::map<std::uint64_t, std::vector<std::uint64_t>> all_page_frames() {
    return frames_in(lines_of("pages"));
}

std::vector<std::uint64_t> page_frames(std::uint64_t object) {
    if (!object)
        return {};
    for (int i = 0; i < TRIES; ++i) {
        const Lines lines = lines_of("pages");
        if (!is_busy(lines, object)) {
            auto frames = frames_in(lines)[object];
            // The file comes in parts: what is freed in between shifts it.
            if (!frames.empty() || is_there(object))
                return frames;
        }
        std::this_thread::sleep_for(PAUSE);
    }
    throw std::runtime_error(GPUMEM_DEBUGFS + "pages: object " +
                             std::to_string(object) +
                             " is busy each time, or not there");
}

std::vector<std::uint64_t> pagemap_frames(const void *start,
                                          std::size_t pages) {
    std::vector<std::uint64_t> frames(pages);
    const std::size_t bytes = pages * sizeof(frames[0]);
    const int map = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    const auto got = ::pread(
        map, frames.data(), bytes,
        static_cast<off_t>(reinterpret_cast<std::uintptr_t>(start) / PAGE *
                           sizeof(frames[0])));
    ::close(map);
    if (got != static_cast<ssize_t>(bytes))
        throw std::runtime_error("cannot read /proc/self/pagemap");
    constexpr std::uint64_t PRESENT = 1ULL << 63, FRAME = (1ULL << 55) - 1;
    for (std::uint64_t &frame : frames)
        frame = frame & PRESENT ? frame & FRAME : 0;
    return frames;
}

} // namespace support
