// SPDX-License-Identifier: MIT
// Memory that may not be there.
#pragma once

#include <cstddef>

namespace fuzz {

// From now on SIGBUS and SIGSEGV are answers of touch_pages(), and end the
// process elsewhere.
void catch_faults();

// Reads, or reads and writes, a word of each page; 0 or EFAULT.
int touch_pages(std::byte *at, std::size_t size, bool write);

} // namespace fuzz
