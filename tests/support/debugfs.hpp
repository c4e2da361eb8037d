// SPDX-License-Identifier: MIT
// Physical pages of buffers, from the driver's debugfs files and, for gemfs, from
// /proc/self/pagemap, which shows PFN mappings as holes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace support {

inline const std::string GPUMEM_DEBUGFS = "/sys/kernel/debug/gpumem/";

struct ObjectState {
    std::uint64_t size = 0;
    std::uint64_t pins = 0;
    std::uint64_t moved = 0;
};

// Of every object, by its id. As object_ids(), waits for objects that are busy,
// and throws if there always is one.
std::map<std::uint64_t, ObjectState> object_states();

// Moves of one object's pages; none if it is not there, busy, or cannot be asked.
std::optional<std::uint64_t> moves_of(std::uint64_t object);

// The object whose buffer has this offset on the DRM fd; 0 if none has that is
// not busy for long.
std::uint64_t object_at(std::uint64_t map_offset);

// Ids of all objects, oldest first.
std::vector<std::uint64_t> object_ids();

// Page frame of each page of every object, by the object's id; 0 where a page
// is not resident. Objects that are busy are left out: it may be asked while
// others work.
std::map<std::uint64_t, std::vector<std::uint64_t>> all_page_frames();

// The same for one object; empty if it has no page, or is 0. Waits for the
// object if it is busy, and throws if it stays so or is not there.
std::vector<std::uint64_t> page_frames(std::uint64_t object);

// Page frames that are mapped from @start on, by the kernel's page map.
std::vector<std::uint64_t> pagemap_frames(const void *start, std::size_t pages);

} // namespace support
