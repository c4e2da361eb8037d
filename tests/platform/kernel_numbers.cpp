// SPDX-License-Identifier: MIT
#include "platform/kernel_numbers.hpp"

#include "support/system.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace platform {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using support::read_file;

constexpr auto STORE = "/sys/kernel/debug/gpumem/store";
constexpr auto COMPACTION = "/sys/kernel/debug/gpumem_test_compaction";
constexpr auto ZRAM = "/sys/block/zram0/mm_stat";

constexpr std::array<std::string_view, 10> VMSTAT = {
    "compact_",   "pgmigrate_",   "pswp",     "allocstall_",
    "oom_kill",   "balloon_",     "pgsteal_", "workingset_refault",
    "pgmajfault", "pgscan_direct"};

constexpr std::array<std::string_view, 2> VMSTAT_MOVING = {"compact_",
                                                           "pgmigrate_"};
constexpr std::array<const char *, 5> STORE_MOVING = {
    "moved_whole", "emptied", "packed", "objects_moved", "bytes_copied"};

// Numbers of /proc/vmstat whose names begin so.
json vmstat_of(std::span<const std::string_view> starts) {
    json result = json::object();
    std::istringstream words(read_file("/proc/vmstat"));
    std::string key;
    for (std::uint64_t value = 0; words >> key >> value;)
        for (const auto start : starts)
            if (key.starts_with(start))
                result[key] = value;
    return result;
}

// Numbers behind "Node 0, zone NAME" of each zone.
template <typename Number>
std::vector<std::pair<std::string, std::vector<Number>>>
zones(const std::string &path) {
    std::vector<std::pair<std::string, std::vector<Number>>> result;
    std::istringstream lines(read_file(path));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string skipped, zone;
        if (!(words >> skipped >> skipped >> skipped >> zone))
            continue;
        result.emplace_back(zone, std::vector<Number>());
        for (Number number{}; words >> number;)
            result.back().second.push_back(number);
    }
    return result;
}

// Files with the times of the kernel's threads that reclaim and compact, by
// name.
std::vector<std::pair<std::string, std::string>> find_threads() {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto &entry : fs::directory_iterator("/proc")) {
        // Whose process has ended meanwhile has no name to read.
        std::ifstream file(entry.path() / "comm");
        std::string name;
        if (file >> name &&
            (name.starts_with("kswapd") || name.starts_with("kcompactd")))
            found.emplace_back(name, entry.path() / "stat");
    }
    return found;
}

} // namespace

json buddyinfo() {
    std::vector<std::uint64_t> sum;
    for (const auto &[zone, counts] : zones<std::uint64_t>("/proc/buddyinfo")) {
        sum.resize(std::max(sum.size(), counts.size()));
        for (std::size_t order = 0; order < counts.size(); ++order)
            sum[order] += counts[order];
    }
    return sum;
}

json unusable_index() {
    // A guest of this size has all but 16 MiB in it.
    for (const auto &[zone, index] :
         zones<double>("/sys/kernel/debug/extfrag/unusable_index"))
        if (zone == "DMA32")
            return index;
    return nullptr;
}

json vmstat() {
    return vmstat_of(VMSTAT);
}

json moving() {
    json result = {{"vmstat", vmstat_of(VMSTAT_MOVING)}, {"store", nullptr}};
    if (const json all = store(); !all.is_null()) {
        result["store"] = json::object();
        for (const char *what : STORE_MOVING)
            if (all.contains(what))
                result["store"][what] = all[what];
    }
    return result;
}

json moved_between(const json &before, const json &after) {
    json result = after;
    for (auto &part : result.items())
        for (auto &[key, value] : part.value().items())
            value = value.get<std::int64_t>() -
                    before[part.key()][key].get<std::int64_t>();
    return result;
}

json meminfo() {
    const auto bytes = [](const std::string &key) {
        return support::value_of("/proc/meminfo", key) * 1024;
    };
    return {{"total", bytes("MemTotal:")},
            {"free", bytes("MemFree:")},
            {"available", bytes("MemAvailable:")},
            // Not "Cached:", which has the pages of some kinds of buffers too.
            {"files", bytes("Active(file):") + bytes("Inactive(file):")},
            {"anonymous", bytes("AnonPages:")},
            {"swap_all", bytes("SwapTotal:")},
            {"swap", bytes("SwapTotal:") - bytes("SwapFree:")}};
}

json kernel_threads() {
    json result = json::object();
    static const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    static const auto threads = find_threads();
    for (const auto &[name, path] : threads) {
        // User and system time are the 14th and 15th word.
        std::istringstream words(read_file(path));
        std::string word;
        double user = 0, system = 0;
        for (int i = 1; i < 14; ++i)
            words >> word;
        words >> user >> system;
        result[name] = (user + system) / ticks;
    }
    return result;
}

json compaction() {
    std::istringstream words(read_file(COMPACTION));
    json result = json::object();
    std::uint64_t calls = 0;
    double ns = 0, cpu_ns = 0;
    for (const char *who : {"kcompactd", "direct"})
        if (words >> calls >> ns >> cpu_ns)
            result[who] = {{"calls", calls},
                           {"seconds", ns / 1e9},
                           {"cpu_seconds", cpu_ns / 1e9}};
    if (words >> calls)
        result["missed"] = {{"calls", calls}};
    return result;
}

json store() {
    if (!fs::exists(STORE))
        return nullptr;
    json result = json::object();
    std::istringstream lines(read_file(STORE));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key, value, more;
        if (!(words >> key >> value))
            continue;
        if (words >> more) {
            // Other lines of more than a number are for people.
            if (key == "restore_below_us")
                result[key][value] = std::stod(more);
            continue;
        }
        std::size_t end = 0;
        double number = 0;
        try {
            number = std::stod(value, &end);
        } catch (const std::exception &) {
            end = 0;
        }
        if (end == value.size())
            result[key] = number;
        else
            result[key] = value;
    }
    return result;
}

json zram() {
    if (!fs::exists(ZRAM))
        return nullptr;
    std::istringstream words(read_file(ZRAM));
    std::uint64_t stored = 0, compressed = 0, used = 0, skipped = 0,
                  compacted = 0;
    words >> stored >> compressed >> used >> skipped >> skipped >> skipped >>
        compacted;
    return {{"stored", stored},
            {"compressed", compressed},
            {"used", used},
            {"pages_compacted", compacted}};
}

} // namespace platform
