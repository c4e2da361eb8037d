// SPDX-License-Identifier: MIT
// What the running kernel was built with. Only kernels that tell it, as the
// debug kernels do in /proc/config.gz, are known.
#pragma once

#include <optional>
#include <string>

namespace support {

// Whether CONFIG_<word> is y or m; nothing if the kernel does not tell.
std::optional<bool> is_configured(const std::string &word);

// The kernel looks for its own mistakes (KASAN, KCSAN, kmemleak): it is many
// times slower and has less memory for others. Tests that fill memory do with
// less of it there.
bool checks_itself();

// Importers of dma-bufs that can be told of moves are known to be told here.
bool tells_importers();

} // namespace support
