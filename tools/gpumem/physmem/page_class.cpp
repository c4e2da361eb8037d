// SPDX-License-Identifier: MIT
#include "physmem/page_class.hpp"

#include <linux/kernel-page-flags.h>

namespace tool {
namespace {

struct names {
    const char *key;
    const char *label;
};

constexpr names table[page_classes] = {
    {"absent", "no memory"},
    {"free_block", "free, whole 2 MiB block"},
    {"free_crumb", "free, in crumbs"},
    {"page_cache", "page cache"},
    {"anonymous", "anonymous"},
    {"gpumem_movable", "GPU buffer, movable"},
    {"gpumem_pinned", "GPU buffer, pinned"},
    {"gpumem_unmovable", "GPU buffer, unmovable"},
    {"huge", "huge page pool"},
    {"kernel", "kernel, unmovable"},
};

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }

} // namespace

const char *key_of(page_class c) {
    return table[static_cast<std::size_t>(c)].key;
}

const char *label_of(page_class c) {
    return table[static_cast<std::size_t>(c)].label;
}

page_class classify_flags(std::uint64_t flags) {
    if (flags & bit(KPF_NOPAGE))
        return page_class::absent;
    if (flags & bit(KPF_BUDDY))
        return page_class::free_crumb;
    if (flags & bit(KPF_HUGE))
        return page_class::huge;
    if (flags & (bit(KPF_SLAB) | bit(KPF_PGTABLE) | bit(KPF_OFFLINE) |
                 bit(KPF_HWPOISON)))
        return page_class::kernel;
    if (flags & bit(KPF_ANON))
        return page_class::anonymous;
    // A page on its way to the LRU lists has only its contents' state.
    if (flags & (bit(KPF_LRU) | bit(KPF_UPTODATE) | bit(KPF_SWAPBACKED)))
        return page_class::page_cache;
    return page_class::kernel;
}

} // namespace tool
