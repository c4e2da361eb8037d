// SPDX-License-Identifier: MIT
// The kernel's own files as JSON. They know nothing of the load.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace platform {

// Free blocks by order, over all zones.
nlohmann::json buddyinfo();
// By order, of the zone with most memory: 0 is all usable, 1 is nothing.
nlohmann::json unusable_index();
// Of compaction, migration, swap, reclaim and the OOM killer.
nlohmann::json vmstat();
// What moving pages has come to, of the kernel's counters and the store's; and
// what came to it between two of these.
nlohmann::json moving();
nlohmann::json moved_between(const nlohmann::json &before,
                             const nlohmann::json &after);
// Bytes: free, available, page cache, anonymous, swap and what of it is in
// use.
nlohmann::json meminfo();
// Seconds of CPU of the kernel's threads that reclaim and compact.
nlohmann::json kernel_threads();
// Calls, and seconds by the clock and on a CPU, of kcompactd and of those who
// compact for themselves; and the calls that were missed.
nlohmann::json compaction();
// All that the compressed store says; null without one.
nlohmann::json store();
// Bytes stored, compressed, and used for it, and the pages that zsmalloc packed
// away; null without zram.
nlohmann::json zram();

} // namespace platform
