// SPDX-License-Identifier: MIT
#include "support/debugfs.hpp"

#include "support/system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>

namespace support {
namespace {

// The file's lines less the header and what the driver says of objects that were
// busy.
std::vector<std::string> entries(const std::string &name) {
    std::istringstream lines(read_file(GPUMEM_DEBUGFS + name));
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);)
        if (!line.starts_with('#'))
            found.push_back(line);
    return found;
}

} // namespace

std::map<std::uint64_t, ObjectState> object_states() {
    std::map<std::uint64_t, ObjectState> found;
    std::uint64_t id = 0, resident = 0;
    ObjectState state;
    for (const std::string &line : entries("objects"))
        if (std::istringstream(line) >> id >> state.size >> resident >>
            state.pins >> state.moved)
            found[id] = state;
    return found;
}

std::uint64_t object_at(std::uint64_t map_offset) {
    std::uint64_t id = 0, size = 0, resident = 0, pins = 0, moved = 0, offset = 0;
    for (const std::string &line : entries("objects"))
        if (std::istringstream(line) >> id >> size >> resident >> pins >>
                moved >> std::hex >> offset &&
            offset == map_offset)
            return id;
    return 0;
}

std::vector<std::uint64_t> object_ids() {
    std::vector<std::uint64_t> ids;
    for (const std::string &line : entries("objects"))
        ids.push_back(std::stoull(line));
    return ids;
}

std::map<std::uint64_t, std::vector<std::uint64_t>> all_page_frames() {
    std::map<std::uint64_t, std::vector<std::uint64_t>> objects;
    std::uint64_t pfn = 0, count = 0, id = 0, index = 0;
    for (const std::string &line : entries("pages")) {
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

std::vector<std::uint64_t> page_frames(std::uint64_t object) {
    return all_page_frames()[object];
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
