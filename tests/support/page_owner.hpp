// SPDX-License-Identifier: MIT
// Memory that gpumem's modules allocated and that is not free again, by the
// kernel's own account (page_owner=on).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace support {

// Whether the kernel keeps it.
bool page_owner_is_on();

// Pages by the trace of their allocation, of traces with a function of gpumem.
// Less what the kernel keeps for itself: slabs, page tables of its own, traces.
std::map<std::string, std::uint64_t> pages_of_gpumem();

// Compares with what there was before. Nothing is lost where the kernel keeps no
// account.
class PageAccount {
public:
    PageAccount();

    // What is lost, in words. What is freed a little later is not, so it waits for
    // that.
    [[nodiscard]] std::vector<std::string> lost() const;

private:
    std::map<std::string, std::uint64_t> before_;
};

} // namespace support
