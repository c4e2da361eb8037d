// SPDX-License-Identifier: MIT
// Makes memory short: for all, for a group, for one that the OOM killer takes.
#pragma once

#include "stress/totals.hpp"
#include "support/memory_group.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

namespace stress {

// What the group of the processes that have too little memory may have: less
// than their buffers at their largest.
constexpr std::uint64_t GROUP_BYTES = 5 << 20;

// By others, or by what moves take: calls may answer ENOMEM now.
bool memory_is_short();

constexpr int MEMORY_TRIES = 300;
constexpr std::chrono::milliseconds MEMORY_PAUSE{100};

// The errno of @call. Whoever takes memory beside us may have given it back by
// the time we look: ENOMEM is the answer if it stays so, or if memory is short
// now.
template <typename Call> int with_memory(Call call) {
    int error = call();
    for (int tries = 0;
         error == ENOMEM && !memory_is_short() && tries < MEMORY_TRIES;
         ++tries) {
        std::this_thread::sleep_for(MEMORY_PAUSE);
        error = call();
    }
    return error;
}

// Whether it did what it is for.
bool ask_for_huge_pages(Totals &totals);
bool make_memory_short(Totals &totals);
bool call_the_oom_killer();
bool tighten(const support::MemoryGroup &group);

} // namespace stress
