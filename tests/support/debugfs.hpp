// SPDX-License-Identifier: MIT
// Physical pages of buffers, from the driver's debugfs files. /proc/self/pagemap
// does not do: it shows PFN mappings as holes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace support {

inline const std::string GPUMEM_DEBUGFS = "/sys/kernel/debug/gpumem/";

// Ids of all objects, oldest first.
std::vector<std::uint64_t> object_ids();

// Page frame of each page of an object, 0 where it is not resident.
std::vector<std::uint64_t> page_frames(std::uint64_t object);

} // namespace support
