// SPDX-License-Identifier: MIT
// Buffers that are needed, but not soon: compressed, and back when touched.
#include "support/cold.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>

#include <drm/gpumem_drm.h>

using gpumem::Bo;
using gpumem::Device;
using support::Contents;
using support::PAGE;
using support::page_is;
using support::store_figure;

namespace {

constexpr std::size_t PAGES = 64;

class Cold : public testing::Test {
protected:
    void fill(Contents what) const {
        for (std::size_t i = 0; i < PAGES; ++i)
            support::fill_page(map, i, what, static_cast<std::uint32_t>(i));
    }
    void expect_intact(Contents what) const {
        for (std::size_t i = 0; i < PAGES; ++i)
            ASSERT_TRUE(
                page_is(map, i, what, static_cast<std::uint32_t>(i)))
                << "page " << i;
    }
    // COLD leaves all of the buffer where it is, and takes one that nobody uses.
    void expect_stays() const {
        const Bo other = device.create(PAGES * PAGE);
        const gpumem::Mapping mapped = other.map();
        for (std::size_t i = 0; i < PAGES; ++i)
            support::fill_page(mapped, i, Contents::text, 7);
        ASSERT_TRUE(support::becomes_cold(other, PAGES));
        EXPECT_TRUE(bo.madvise(GPUMEM_BO_COLD));
        EXPECT_EQ(bo.query().cold_pages, 0U);
        EXPECT_EQ(bo.query().resident_pages, PAGES);
    }

    const Device device = Device::open();
    const Bo bo = device.create(PAGES * PAGE);
    const gpumem::Mapping map = bo.map();
};

class ColdContents : public Cold, public testing::WithParamInterface<Contents> {
};

TEST_P(ColdContents, ComeBackAsTheyWere) {
    const auto before = device.stats();
    fill(GetParam());
    const auto filled = device.stats();
    const bool shrinks = GetParam() != Contents::random;
    const auto incompressible = store_figure("incompressible");
    ASSERT_TRUE(support::becomes_cold(bo, shrinks ? PAGES : 0));
    // Each page was tried.
    for (int i = 0; i < 1000 && !shrinks &&
                    store_figure("incompressible") < incompressible + PAGES;
         ++i) {
        support::drain_lru_batches();
        bo.madvise(GPUMEM_BO_COLD);
    }
    EXPECT_EQ(store_figure("incompressible") - incompressible,
              shrinks ? 0 : PAGES);
    const auto cold = bo.query();
    EXPECT_EQ(cold.cold_pages, shrinks ? PAGES : 0U);
    EXPECT_EQ(cold.resident_pages, shrinks ? 0U : PAGES);
    EXPECT_EQ(device.stats().cold_pages, before.cold_pages + cold.cold_pages);
    EXPECT_EQ(device.stats().evicted, before.evicted + cold.cold_pages);
    EXPECT_EQ(device.stats().resident_pages,
              filled.resident_pages - cold.cold_pages);

    expect_intact(GetParam());
    EXPECT_EQ(bo.query().cold_pages, 0U);
    EXPECT_EQ(bo.query().resident_pages, PAGES);
    EXPECT_EQ(device.stats().restored, before.restored + cold.cold_pages);
    EXPECT_EQ(device.stats().cold_pages, before.cold_pages);
    EXPECT_EQ(device.stats().resident_pages, filled.resident_pages);
}

std::string name_of(const testing::TestParamInfo<Contents> &what) {
    static constexpr std::array NAMES{"Zero", "Same", "Text", "Image",
                                      "Random"};
    return NAMES.at(static_cast<std::size_t>(what.param));
}

INSTANTIATE_TEST_SUITE_P(Of, ColdContents,
                         testing::Values(Contents::zero, Contents::same,
                                         Contents::text, Contents::image,
                                         Contents::random),
                         name_of);

TEST_F(Cold, TakesLessMemory) {
    const auto before = store_figure("pages");
    fill(Contents::text);
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    EXPECT_GT(store_figure("pages"), before);
    // zsmalloc begins with several pages of each of its many classes.
    if (support::store_is_ours()) {
        EXPECT_LT(store_figure("pages"), before + PAGES * 9 / 10);
    }
    fill(Contents::same);
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    // zsmalloc gives pages back when it comes to it.
    for (int i = 0; i < 200 && store_figure("pages") > before; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_LE(store_figure("pages"), before) << "words take no page";
}

TEST_F(Cold, ATouchBringsBackItsPageOnly) {
    fill(Contents::text);
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    EXPECT_TRUE(page_is(map, 17, Contents::text, 17));
    EXPECT_EQ(bo.query().cold_pages, PAGES - 1);
    EXPECT_EQ(bo.query().resident_pages, 1U);
    map.data()[17 * PAGE] = std::byte{'!'};
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    EXPECT_EQ(map.data()[17 * PAGE], std::byte{'!'});
    support::fill_page(map, 17, Contents::text, 17);
    expect_intact(Contents::text);
}

TEST_F(Cold, APinBringsAllPagesBack) {
    fill(Contents::image);
    for (const auto how : {gpumem::PinFor::now, gpumem::PinFor::long_time}) {
        ASSERT_TRUE(support::becomes_cold(bo, PAGES));
        const gpumem::Pin pin = bo.pin(how);
        EXPECT_EQ(bo.query().cold_pages, 0U);
        EXPECT_EQ(bo.query().resident_pages, PAGES);
    }
    expect_intact(Contents::image);
}

TEST_F(Cold, WhoeverMapsTheDmaBufGetsWhatWasInIt) {
    fill(Contents::text);
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    void *memory = ::mmap(nullptr, PAGES * PAGE, PROT_READ, MAP_SHARED,
                          dmabuf.fd(), 0);
    ASSERT_NE(memory, MAP_FAILED);
    EXPECT_EQ(std::memcmp(memory, map.data(), PAGES * PAGE), 0);
    expect_intact(Contents::text);
    ::munmap(memory, PAGES * PAGE);
    expect_stays(); // an exported one
}

TEST_F(Cold, APinnedBufferStays) {
    fill(Contents::text);
    {
        const gpumem::Pin pin = bo.pin();
        expect_stays();
    }
    EXPECT_TRUE(support::becomes_cold(bo, PAGES));
}

TEST_F(Cold, ABufferWithANameStays) {
    const gpumem::UniqueFd card(support::open_drm("gpumem", "card"));
    const Device primary = Device::open(std::filesystem::read_symlink(
        "/proc/self/fd/" + std::to_string(card.get())));
    const Bo named = primary.create(PAGE);
    named.map().data()[0] = std::byte{1};
    drm_gem_flink flink{};
    flink.handle = named.handle();
    ASSERT_EQ(::ioctl(primary.fd(), DRM_IOCTL_GEM_FLINK, &flink), 0);
    fill(Contents::text);
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    named.madvise(GPUMEM_BO_COLD);
    EXPECT_EQ(named.query().cold_pages, 0U);
}

TEST_F(Cold, APageInAPipeStaysAndTheOthersGo) {
    if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
        GTEST_SKIP() << "nobody can get a page of a PFN mapping";
    fill(Contents::text);
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const iovec page{map.data() + 7 * PAGE, PAGE};
    ASSERT_EQ(::vmsplice(ends[1], &page, 1, 0), static_cast<ssize_t>(PAGE));
    ASSERT_TRUE(support::becomes_cold(bo, PAGES - 1));
    EXPECT_EQ(bo.query().resident_pages, 1U);
    // It is the same page still.
    map.data()[7 * PAGE] = std::byte{'?'};
    std::vector<std::byte> got(PAGE);
    ASSERT_EQ(::read(ends[0], got.data(), PAGE), static_cast<ssize_t>(PAGE));
    EXPECT_EQ(got.front(), std::byte{'?'});
    EXPECT_TRUE(support::becomes_cold(bo, PAGES));
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_F(Cold, APageThatDoesNotShrinkIsNotTriedAgainAtOnce) {
    fill(Contents::random);
    bo.madvise(GPUMEM_BO_COLD);
    support::drain_lru_batches();
    bo.madvise(GPUMEM_BO_COLD);
    const auto tried = store_figure("incompressible");
    bo.madvise(GPUMEM_BO_COLD);
    EXPECT_EQ(store_figure("incompressible"), tried);
    EXPECT_EQ(bo.query().resident_pages, PAGES);
}

TEST_F(Cold, TheStoreIsEmptyWhenTheLastBufferIsGone) {
    const auto pieces = store_figure("pieces");
    const auto pages = store_figure("pages");
    {
        std::vector<Bo> bos;
        for (int i = 0; i < 8; ++i) {
            bos.push_back(device.create(PAGES * PAGE));
            const gpumem::Mapping mapped = bos.back().map();
            for (std::size_t at = 0; at < PAGES; ++at)
                support::fill_page(mapped, at, Contents::text,
                                   static_cast<std::uint32_t>(at) * 31U);
            ASSERT_TRUE(support::becomes_cold(bos.back(), PAGES));
        }
        EXPECT_EQ(store_figure("pieces"), pieces + 8 * PAGES);
    }
    EXPECT_EQ(store_figure("pieces"), pieces);
    for (int i = 0; i < 200 && store_figure("pages") > pages; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_LE(store_figure("pages"), pages);
}

TEST_F(Cold, ABufferThatNobodyNeedsIsPurgedFromTheStoreAsWell) {
    const auto before = device.stats();
    fill(Contents::text);
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    EXPECT_TRUE(page_is(map, 0, Contents::text, 0));
    bo.madvise(GPUMEM_BO_DONTNEED);
    ASSERT_TRUE(support::becomes_purged(bo));
    EXPECT_EQ(bo.query().cold_pages, 0U);
    EXPECT_EQ(bo.query().resident_pages, 0U);
    EXPECT_EQ(device.stats().purged, before.purged + PAGES);
    EXPECT_EQ(device.stats().cold_pages, before.cold_pages);
    EXPECT_TRUE(support::read_gives_sigbus(map.data() + PAGE));
    // COLD says that it is needed, as WILLNEED does.
    EXPECT_FALSE(bo.madvise(GPUMEM_BO_COLD));
    EXPECT_EQ(bo.query().dontneed, 0U);
    EXPECT_TRUE(std::ranges::all_of(
        map.bytes(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST_F(Cold, DamageIsAnErrorAndNeverOtherContents) {
    fill(Contents::text);
    const std::uint64_t id = support::object_ids().back();
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    const auto damaged = store_figure("damaged");
    ASSERT_EQ(support::write_errno(support::GPUMEM_DEBUGFS + "corrupt",
                                   std::to_string(id)),
              0);
    EXPECT_EQ(gpumem_bo_pin(bo.get(), 0), -EIO);
    EXPECT_EQ(bo.query().pins, 0U);
    EXPECT_EQ(bo.query().resident_pages, 0U);
    EXPECT_EQ(bo.query().cold_pages, PAGES);
    EXPECT_TRUE(support::read_gives_sigbus(map.data()));
    EXPECT_TRUE(support::read_gives_sigbus(map.data() + PAGE - 1));
    EXPECT_GE(store_figure("damaged"), damaged + 2);
    for (std::size_t i = 1; i < PAGES; ++i)
        ASSERT_TRUE(page_is(map, i, Contents::text,
                            static_cast<std::uint32_t>(i)));
    // Still an error, also when it is said to be needed.
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_WILLNEED));
    EXPECT_TRUE(support::read_gives_sigbus(map.data()));
    // Given up, it is whole again.
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_DONTNEED));
    EXPECT_TRUE(support::becomes_purged(bo));
    EXPECT_FALSE(bo.madvise(GPUMEM_BO_WILLNEED));
    EXPECT_EQ(map.data()[0], std::byte{0});
    fill(Contents::text);
    ASSERT_TRUE(support::becomes_cold(bo, PAGES));
    expect_intact(Contents::text);
}

TEST_F(Cold, NothingToDamageIsSaid) {
    EXPECT_EQ(support::write_errno(support::GPUMEM_DEBUGFS + "corrupt",
                                   std::to_string(support::object_ids().back())),
              ENOENT);
    EXPECT_EQ(support::write_errno(support::GPUMEM_DEBUGFS + "corrupt",
                                   "18446744073709551615"),
              ENOENT);
}

TEST_F(Cold, AnUnknownPolicyIsRefused) {
    const std::string path = support::STORE_PARAMETERS + "store_policy";
    const std::string before = support::read_file(path);
    for (const char *word : {"best", "\n", "whole nominate", "wholex", "0"})
        EXPECT_EQ(support::write_errno(path, word), EINVAL) << word;
    EXPECT_EQ(support::read_file(path), before);
    for (const char *word : {"whole", "nominate", "hybrid"}) {
        const support::StoreParameter policy("store_policy", word);
        EXPECT_EQ(support::read_file(path), word + std::string("\n"));
    }
    EXPECT_EQ(support::read_file(path), before);
}

TEST_F(Cold, TheAlgorithmIsChosenWhenTheModuleIsLoaded) {
    for (const char *name : {"store_algorithm", "store", "store_pages"})
        EXPECT_EQ(std::filesystem::status(support::STORE_PARAMETERS + name)
                          .permissions() &
                      static_cast<std::filesystem::perms>(0222),
                  std::filesystem::perms::none)
            << name;
}

// A buffer that is idle is compressed under pressure, one in use is not.
TEST_F(Cold, AnIdleBufferIsCompressedUnderPressure) {
    fill(Contents::text);
    const Bo busy = device.create(PAGES * PAGE);
    const gpumem::Mapping used = busy.map();
    for (std::size_t i = 0; i < PAGES; ++i)
        support::fill_page(used, i, Contents::text, 3);
    support::drain_lru_batches();
    const support::StoreParameter idle("store_idle", "500");
    for (int i = 0; i < 600 && bo.query().cold_pages < PAGES; ++i) {
        support::shrink();
        for (std::size_t at = 0; at < PAGES; ++at)
            (void)*static_cast<volatile std::byte *>(used.data() + at * PAGE);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(bo.query().cold_pages, PAGES);
    EXPECT_EQ(busy.query().cold_pages, 0U);
    expect_intact(Contents::text);
}

} // namespace
