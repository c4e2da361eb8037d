// SPDX-License-Identifier: MIT
// Allocations that fail on purpose: failslab and fail_page_alloc, for one
// thread and one allocation at a time. Knows nothing of buffers.
#pragma once

#include <gpumem/gpumem.hpp>

#include <functional>

namespace support {

// A call during which an allocation was to fail.
struct Attempt {
    unsigned nth = 0;      // which one
    bool injected = false; // there were as many, and it failed
    int error = 0;         // what the call returned
};

class FaultInjection {
public:
    // Whether the kernel has it.
    static bool is_there();

    // For the calling thread. Throws what is missing.
    FaultInjection();

    // The first allocation of @call fails, then the second, and so on until
    // there are not as many. @call returns 0 or an errno and should do nothing
    // besides: whatever the thread allocates counts. @before comes before each
    // one, @after after it; that ends it by returning false. Returns how many
    // allocations have failed.
    unsigned
    for_each_failure(const std::function<void()> &before,
                     const std::function<int()> &call,
                     const std::function<bool(const Attempt &)> &after) const;

private:
    [[nodiscard]] Attempt run(unsigned nth,
                              const std::function<int()> &call) const;
    void arm(unsigned nth) const;

    gpumem::UniqueFd fail_nth_;
};

} // namespace support
