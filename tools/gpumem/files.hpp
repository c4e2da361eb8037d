// SPDX-License-Identifier: MIT
// Small text files of /proc, /sys and debugfs. Failures name the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tool {

std::string read_text(const std::string &path);
// Nothing if the file does not exist.
std::optional<std::string> read_text_if_there(const std::string &path);
void write_text(const std::string &path, const std::string &text);

std::uint64_t read_number(const std::string &path);

// The value of "KEY VALUE" or "KEY: VALUE kB" in such files as /proc/meminfo
// and /proc/vmstat, as it stands there.
std::uint64_t keyed_number(const std::string &text, const std::string &key);

} // namespace tool
