// SPDX-License-Identifier: MIT
// Memory that the hardware has given up on, under a buffer: that page is lost, and
// nothing else. LongPin.* has the pins that must replace it.
#include "support/cold.hpp"
#include "support/crumbs.hpp"
#include "support/debugfs.hpp"
#include "support/poisoned_frame.hpp"
#include "support/purge.hpp"
#include "support/system.hpp"
#include "support/test_importer.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <system_error>

using gpumem::Bo;
using gpumem::Device;
using gpumem::Mapping;
using support::Contents;
using support::PAGE;

namespace {

constexpr std::size_t PAGES = 64;
constexpr std::size_t LOST = 5; // the page that it happens to

void fill(const Mapping &map, std::uint32_t seed) {
    for (std::size_t i = 0; i < map.size() / PAGE; ++i)
        support::fill_page(map, i, Contents::text,
                           seed + static_cast<std::uint32_t>(i));
}

bool write_gives_sigbus(volatile std::byte *byte) {
    const int status = support::in_child([&] {
        *byte = std::byte{1};
        return 0;
    });
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

class PoisonedPage : public testing::Test {
protected:
    PoisonedPage() {
        fill(*mapping, 1);
        fill(other_map, 1000);
    }

    void poison() {
        frame = support::page_frames(id).at(LOST);
        lost.emplace(frame);
        // Of PFN mappings that have the page the kernel takes it out of none.
        if (before.backing != GPUMEM_BACKING_KIND_MOPS) {
            EXPECT_TRUE(support::read_gives_sigbus(mapping->data() + LOST * PAGE));
        }
        mapping.reset();
    }

    // All but the page that is lost, as whoever maps the buffers now sees it.
    void expect_the_rest_intact() const {
        const Mapping fresh = bo->map();
        for (std::size_t i = 0; i < PAGES; ++i) {
            if (i != LOST) {
                EXPECT_TRUE(support::page_is(fresh, i, Contents::text,
                                             1 + static_cast<std::uint32_t>(i)))
                    << i;
            }
            EXPECT_TRUE(support::page_is(other_map, i, Contents::text,
                                         1000 + static_cast<std::uint32_t>(i)))
                << i;
        }
        EXPECT_TRUE(support::read_gives_sigbus(fresh.data() + LOST * PAGE));
    }

    // Outlives the buffer.
    std::optional<support::PoisonedFrame> lost;
    const Device device = Device::open();
    const gpumem::DeviceStats before = device.stats();
    std::optional<Bo> bo = device.create(PAGES * PAGE);
    std::optional<Mapping> mapping = bo->map();
    const std::uint64_t id = support::object_ids().back();
    const Bo other = device.create(PAGES * PAGE);
    const Mapping other_map = other.map();
    std::uint64_t frame = 0;
};

TEST_F(PoisonedPage, IsSigbusToWhoeverTouchesIt) {
    poison();
    const Mapping fresh = bo->map();
    std::byte *page = fresh.data() + LOST * PAGE;
    EXPECT_TRUE(support::read_gives_sigbus(page));
    EXPECT_TRUE(write_gives_sigbus(page));
    EXPECT_FALSE(write_gives_sigbus(fresh.data() + (LOST + 1) * PAGE));
    support::fill_page(fresh, LOST + 1, Contents::text, 1 + LOST + 1);
    // A system call has an errno for it.
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_EQ(::write(ends[1], page, 1), -1);
    EXPECT_EQ(errno, EFAULT);
    ::close(ends[0]);
    ::close(ends[1]);
    // It is still there, and is not replaced behind anybody's back.
    EXPECT_EQ(bo->query().resident_pages, PAGES);
    EXPECT_EQ(support::page_frames(id).at(LOST), frame);
    expect_the_rest_intact();
}

// Keeping it in place is no use of it.
TEST_F(PoisonedPage, CanBePinnedForNow) {
    poison();
    {
        const gpumem::Pin pin = bo->pin();
        EXPECT_EQ(bo->query().pins, 1U);
        expect_the_rest_intact();
    }
    EXPECT_EQ(bo->query().pins, 0U);
}

// Attaching or mapping says it, whichever pins on this kernel.
int error_of_an_importer(const gpumem::DmaBuf &dmabuf, const char *kind) {
    try {
        return support::TestImporter(dmabuf.fd(), kind)("map");
    } catch (const std::system_error &error) {
        return error.code().value();
    }
}

TEST_F(PoisonedPage, IsForNoDeviceAndNotForTheKernel) {
    const gpumem::DmaBuf dmabuf = bo->export_dmabuf();
    for (const char *kind : {"static", "told", "lazy"})
        ASSERT_EQ(error_of_an_importer(dmabuf, kind), 0) << kind;
    poison();
    for (const char *kind : {"static", "told", "lazy"})
        EXPECT_EQ(error_of_an_importer(dmabuf, kind), EHWPOISON) << kind;
    EXPECT_EQ(support::TestImporter(dmabuf.fd(), "told")("vmap"), EHWPOISON);
    EXPECT_EQ(bo->query().pins, 0U);
    EXPECT_EQ(device.stats().pinned_objects, before.pinned_objects);
    expect_the_rest_intact();
    // Another buffer's importer has nothing to do with it.
    EXPECT_EQ(error_of_an_importer(other.export_dmabuf(), "static"), 0);
}

// Who has it mapped when that happens goes on, and lets go as ever.
TEST_F(PoisonedPage, MayHappenToAnImporterThatHasItMapped) {
    const gpumem::DmaBuf dmabuf = bo->export_dmabuf();
    const support::TestImporter importer(dmabuf.fd(), "told");
    ASSERT_EQ(importer("map"), 0);
    poison();
    ASSERT_EQ(importer("unmap"), 0);
    EXPECT_EQ(importer("map"), EHWPOISON);
    EXPECT_EQ(bo->query().pins, 0U);
    expect_the_rest_intact();
}

TEST_F(PoisonedPage, StaysWhenTheRestIsCompressed) {
    poison();
    EXPECT_TRUE(support::becomes_cold(*bo, PAGES - 1));
    EXPECT_EQ(bo->query().cold_pages, PAGES - 1);
    EXPECT_EQ(bo->query().resident_pages, 1U);
    EXPECT_EQ(support::page_frames(id).at(LOST), frame);
    expect_the_rest_intact();
    EXPECT_EQ(bo->query().cold_pages, 0U);
}

// Purged or not is for the kernel to say, which may have the page; but a purged one
// is whole again.
TEST_F(PoisonedPage, IsReplacedIfItIsPurged) {
    poison();
    bo->madvise(GPUMEM_BO_DONTNEED);
    if (before.backing == GPUMEM_BACKING_KIND_MOPS) {
        ASSERT_TRUE(support::becomes_purged(*bo));
    } else {
        support::shrink();
    }
    if (bo->madvise(GPUMEM_BO_WILLNEED)) {
        expect_the_rest_intact();
        return;
    }
    const Mapping fresh = bo->map();
    for (std::size_t i = 0; i < PAGES; ++i)
        EXPECT_TRUE(support::page_is(fresh, i, Contents::zero, 0)) << i;
    EXPECT_NE(support::page_frames(id).at(LOST), frame);
}

// Neither by the kernel nor by the driver itself.
TEST_F(PoisonedPage, StaysWhileTheRestMoves) {
    // Pages of others keep a block from being left.
    support::compact_memory();
    support::Crumbs crumbs(device, 64);
    support::Crumbs::Buffer crumb = std::move(crumbs.kept().front());
    crumbs.kept().erase(crumbs.kept().begin());
    fill(crumb.map, 2000);
    frame = support::page_frames(crumb.id).at(LOST);
    lost.emplace(frame);
    support::drain_lru_batches();

    std::uint64_t moved = 0;
    bool done = false;
    for (int i = 0; i < 100 && !done; ++i) {
        const gpumem::Compaction got = device.compact(GPUMEM_COMPACT_MAX_PAGES);
        moved += got.pages_moved;
        done = got.done;
    }
    EXPECT_TRUE(done) << "a page that never moves is no reason to go on";
    EXPECT_GE(moved, 500U);
    support::compact_memory();
    EXPECT_EQ(support::page_frames(crumb.id).at(LOST), frame);
    EXPECT_EQ(support::soft_offline(support::page_frames(crumb.id).at(0)), 0);
    EXPECT_GT(crumb.bo.query().moved, 0U);

    crumb.map.reset();
    const Mapping fresh = crumb.bo.map();
    for (std::size_t i = 0; i < fresh.size() / PAGE; ++i)
        if (i != LOST) {
            EXPECT_TRUE(support::page_is(fresh, i, Contents::text,
                                         2000 + static_cast<std::uint32_t>(i)))
                << i;
        }
    EXPECT_TRUE(support::read_gives_sigbus(fresh.data() + LOST * PAGE));
    EXPECT_EQ(crumbs.first_wrong(), "");
}

TEST_F(PoisonedPage, GoesWithItsBufferAndIsGivenToNobody) {
    poison();
    bo.reset();
    const auto after = device.stats();
    EXPECT_EQ(after.objects, before.objects + 1); // the other
    EXPECT_EQ(after.resident_pages, before.resident_pages + PAGES);
    EXPECT_TRUE(lost->is_poisoned());
}

} // namespace
