// SPDX-License-Identifier: MIT
#include "physmem/page_class.hpp"

#include <gtest/gtest.h>
#include <linux/kernel-page-flags.h>

namespace {

using tool::classify_flags;
using tool::page_class;

constexpr std::uint64_t bits(std::initializer_list<int> list) {
    std::uint64_t all = 0;
    for (int b : list)
        all |= std::uint64_t{1} << b;
    return all;
}

TEST(PageClass, FreePageIsACrumbUntilItsBlockIsKnown) {
    EXPECT_EQ(classify_flags(bits({KPF_BUDDY})), page_class::free_crumb);
}

TEST(PageClass, PageWithoutMemoryIsAbsent) {
    EXPECT_EQ(classify_flags(bits({KPF_NOPAGE})), page_class::absent);
}

TEST(PageClass, AnonymousIsToldFromPageCache) {
    EXPECT_EQ(classify_flags(bits({KPF_LRU, KPF_UPTODATE, KPF_SWAPBACKED,
                                   KPF_ANON, KPF_MMAP})),
              page_class::anonymous);
    EXPECT_EQ(classify_flags(bits({KPF_LRU, KPF_UPTODATE, KPF_REFERENCED})),
              page_class::page_cache);
}

TEST(PageClass, SharedMemoryIsPageCache) {
    EXPECT_EQ(classify_flags(bits({KPF_LRU, KPF_UPTODATE, KPF_SWAPBACKED})),
              page_class::page_cache);
}

TEST(PageClass, PageNotYetOnAnLruListIsPageCache) {
    EXPECT_EQ(classify_flags(bits({KPF_UPTODATE})), page_class::page_cache);
}

TEST(PageClass, TransparentHugePageIsAnonymousAndPoolPageIsHuge) {
    EXPECT_EQ(classify_flags(bits({KPF_THP, KPF_COMPOUND_TAIL, KPF_ANON,
                                   KPF_LRU})),
              page_class::anonymous);
    EXPECT_EQ(classify_flags(bits({KPF_HUGE, KPF_COMPOUND_HEAD})),
              page_class::huge);
}

TEST(PageClass, SlabPageTablesAndUnknownBelongToTheKernel) {
    EXPECT_EQ(classify_flags(bits({KPF_SLAB})), page_class::kernel);
    EXPECT_EQ(classify_flags(bits({KPF_PGTABLE})), page_class::kernel);
    EXPECT_EQ(classify_flags(0), page_class::kernel);
}

TEST(PageClass, EveryClassHasItsOwnKeyAndLabel) {
    for (std::size_t i = 0; i < tool::page_classes; ++i)
        for (std::size_t j = 0; j < i; ++j) {
            const auto a = static_cast<page_class>(i);
            const auto b = static_cast<page_class>(j);
            EXPECT_STRNE(tool::key_of(a), tool::key_of(b));
            EXPECT_STRNE(tool::label_of(a), tool::label_of(b));
        }
}

} // namespace
