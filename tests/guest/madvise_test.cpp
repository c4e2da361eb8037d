// SPDX-License-Identifier: MIT
// Buffers whose contents nobody needs, and when the kernel takes them.
#include "support/purge.hpp"
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xf86drm.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <sstream>
#include <thread>
#include <vector>

#include "support/debugfs.hpp"

using gpumem::Bo;
using gpumem::Device;
using support::becomes_purged;
using support::PAGE;
using support::shrink;

namespace {

constexpr std::size_t PAGES = 64;
const std::string TRACING = "/sys/kernel/tracing/";

class Madvise : public testing::Test {
protected:
    Madvise() { std::memset(map.data(), 0x5a, map.size()); }

    [[nodiscard]] bool intact() const {
        return std::ranges::all_of(
            map.bytes(), [](std::byte b) { return b == std::byte{0x5a}; });
    }
    // Shrinking does not take the buffer, and takes one that nothing holds.
    void expect_kept() const {
        const Bo other = device.create(PAGES * PAGE);
        { const gpumem::Pin pin = other.pin(); }
        other.madvise(GPUMEM_BO_DONTNEED);
        ASSERT_TRUE(becomes_purged(other));
        EXPECT_EQ(bo.query().purged, 0U);
        EXPECT_EQ(bo.query().resident_pages, PAGES);
        EXPECT_TRUE(intact());
    }

    const Device device = Device::open();
    const Bo bo = device.create(PAGES * PAGE);
    const gpumem::Mapping map = bo.map();
};

TEST_F(Madvise, ABufferThatIsNeededIsNotTaken) {
    expect_kept();
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_DONTNEED));
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_WILLNEED));
    expect_kept();
}

TEST_F(Madvise, APurgedBufferIsGoneUntilItIsNeededAgain) {
    const auto before = device.stats();
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_DONTNEED));
    EXPECT_TRUE(intact()) << "a touch is allowed until the pages are taken";
    ASSERT_TRUE(becomes_purged(bo));
    EXPECT_EQ(bo.query().resident_pages, 0U);
    EXPECT_EQ(device.stats().purged, before.purged + PAGES);
    EXPECT_EQ(device.stats().resident_pages, before.resident_pages - PAGES);

    EXPECT_TRUE(support::read_gives_sigbus(map.data()));
    EXPECT_TRUE(support::read_gives_sigbus(map.data() + map.size() - 1));
    EXPECT_EQ(gpumem_bo_pin(bo.get(), 0), -ENODATA);
    EXPECT_EQ(gpumem_bo_pin(bo.get(), GPUMEM_BO_PIN_LONGTERM), -ENODATA);
    EXPECT_EQ(bo.query().pins, 0U);
    EXPECT_FALSE(bo.madvise(GPUMEM_BO_DONTNEED));
    EXPECT_TRUE(support::read_gives_sigbus(map.data()));

    EXPECT_FALSE(bo.madvise(GPUMEM_BO_WILLNEED));
    EXPECT_EQ(bo.query().purged, 0U);
    EXPECT_TRUE(std::ranges::all_of(
        map.bytes(), [](std::byte b) { return b == std::byte{0}; }));
    std::memset(map.data(), 0x5a, map.size());
    expect_kept();
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_WILLNEED));
}

TEST_F(Madvise, APinnedBufferIsNotTaken) {
    {
        const gpumem::Pin pin = bo.pin();
        bo.madvise(GPUMEM_BO_DONTNEED);
        expect_kept();
    }
    EXPECT_TRUE(becomes_purged(bo));
}

TEST_F(Madvise, NobodyHidesBehindThoseThatAreGoneOrStay) {
    // More than the kernel asks for at a time, of either kind.
    std::vector<Bo> gone;
    for (int i = 0; i < 200; ++i) {
        gone.push_back(device.create(PAGE));
        { const gpumem::Pin pin = gone.back().pin(); }
        gone.back().madvise(GPUMEM_BO_DONTNEED);
    }
    for (const Bo &other : gone)
        ASSERT_TRUE(becomes_purged(other));
    const Bo pinned = device.create(256 * PAGE);
    const gpumem::Pin pin = pinned.pin();
    pinned.madvise(GPUMEM_BO_DONTNEED);
    bo.madvise(GPUMEM_BO_DONTNEED);
    EXPECT_TRUE(becomes_purged(bo));
    EXPECT_EQ(pinned.query().purged, 0U);
}

TEST_F(Madvise, ABufferOnAnotherDeviceIsNotTaken) {
    const int vgem = [] {
        EXPECT_EQ(support::shell("modprobe vgem"), 0);
        return support::open_drm("vgem", "card");
    }();
    ASSERT_GE(vgem, 0);
    const int dmabuf = bo.export_dmabuf().release();
    std::uint32_t handle = 0;
    ASSERT_EQ(drmPrimeFDToHandle(vgem, dmabuf, &handle), 0);
    bo.madvise(GPUMEM_BO_DONTNEED);
    expect_kept();
    drm_gem_close args{};
    args.handle = handle;
    ASSERT_EQ(::ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &args), 0);
    ::close(vgem);
    // GEM keeps the dma-buf for as long as the exporting file has its handle.
    ::close(dmabuf);
    expect_kept();
}

TEST_F(Madvise, WhoeverMappedTheDmaBufKeepsWhatIsInIt) {
    Bo shared = device.create(PAGES * PAGE);
    void *memory = nullptr;
    {
        const gpumem::DmaBuf dmabuf = shared.export_dmabuf();
        memory = ::mmap(nullptr, PAGES * PAGE, PROT_READ | PROT_WRITE,
                        MAP_SHARED, dmabuf.fd(), 0);
    }
    ASSERT_NE(memory, MAP_FAILED);
    const std::span bytes(static_cast<std::byte *>(memory), PAGES * PAGE);
    std::ranges::fill(bytes, std::byte{0x5a});
    shared.madvise(GPUMEM_BO_DONTNEED);
    shared = Bo(); // nobody can say any more that it is needed
    const Bo other = device.create(PAGES * PAGE);
    { const gpumem::Pin pin = other.pin(); }
    other.madvise(GPUMEM_BO_DONTNEED);
    ASSERT_TRUE(becomes_purged(other));
    shrink();
    EXPECT_FALSE(support::read_gives_sigbus(&bytes[0]));
    EXPECT_TRUE(std::ranges::all_of(
        bytes, [](std::byte b) { return b == std::byte{0x5a}; }));
    ::munmap(memory, PAGES * PAGE);
}

TEST_F(Madvise, APurgedBufferIsNotExported) {
    bo.madvise(GPUMEM_BO_DONTNEED);
    ASSERT_TRUE(becomes_purged(bo));
    try {
        (void)bo.export_dmabuf();
        ADD_FAILURE() << "exported";
    } catch (const gpumem::Error &e) {
        EXPECT_EQ(e.code().value(), ENODATA);
    }
    bo.madvise(GPUMEM_BO_WILLNEED);
    EXPECT_NO_THROW((void)bo.export_dmabuf());
}

TEST_F(Madvise, ABufferWithAPageInAPipeIsNotTaken) {
    if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
        GTEST_SKIP() << "nobody can get a page of a PFN mapping";
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const iovec page{map.data() + 7 * PAGE, PAGE};
    ASSERT_EQ(::vmsplice(ends[1], &page, 1, 0), static_cast<ssize_t>(PAGE));
    bo.madvise(GPUMEM_BO_DONTNEED);
    expect_kept();
    std::vector<std::byte> got(PAGE);
    ASSERT_EQ(::read(ends[0], got.data(), PAGE), static_cast<ssize_t>(PAGE));
    EXPECT_EQ(got.front(), std::byte{0x5a});
    EXPECT_TRUE(becomes_purged(bo));
    ::close(ends[0]);
    ::close(ends[1]);
}

// Three buffers that nobody needs; they are taken one after the other.
class MadviseOrder : public Madvise {
protected:
    MadviseOrder() {
        for (std::size_t i = 0; i < bos.size(); ++i) {
            bos[i] = device.create(PAGES * PAGE);
            maps[i] = bos[i].map();
            ids.push_back(support::object_ids().back());
            std::memset(maps[i].data(), 1, (PAGES - 1) * PAGE);
        }
        for (const Bo &each : bos)
            each.madvise(GPUMEM_BO_DONTNEED);
    }

    void expect_first_to_go_last() const {
        // One with a page in a batch of some CPU would be passed by.
        support::drain_lru_batches();
        support::write_file(TRACING + "trace", "");
        support::write_file(TRACING + "events/gpumem/gpumem_purge/enable", "1");
        for (const Bo &each : bos)
            EXPECT_TRUE(becomes_purged(each));
        support::write_file(TRACING + "events/gpumem/gpumem_purge/enable", "0");
        std::istringstream lines(support::read_file(TRACING + "trace"));
        std::vector<std::uint64_t> order;
        for (std::string line; std::getline(lines, line);)
            if (const auto at = line.find("gpumem_purge: object=");
                at != std::string::npos)
                order.push_back(std::stoull(line.substr(at + 21)));
        EXPECT_EQ(order, (std::vector{ids[1], ids[2], ids[0]}));
    }

    std::array<Bo, 3> bos;
    std::array<gpumem::Mapping, 3> maps;
    std::vector<std::uint64_t> ids;
};

TEST_F(MadviseOrder, WhoGetsANewPageIsUsed) {
    maps[0].data()[(PAGES - 1) * PAGE] = std::byte{1};
    expect_first_to_go_last();
}

TEST_F(MadviseOrder, WhoIsReadThroughANewMappingIsUsed) {
    drm_gpumem_mmap_offset args{};
    args.handle = bos[0].handle();
    ASSERT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args), 0);
    void *anew = ::mmap(nullptr, PAGE, PROT_READ, MAP_SHARED, device.fd(),
                        static_cast<off_t>(args.offset));
    ASSERT_NE(anew, MAP_FAILED);
    EXPECT_EQ(*static_cast<volatile char *>(anew), 1);
    expect_first_to_go_last();
    ::munmap(anew, PAGE);
}

// Whoever knows the name may open the buffer, unseen by whoever gave the advice.
TEST_F(Madvise, ABufferWithANameIsNotTaken) {
    const gpumem::UniqueFd card(support::open_drm("gpumem", "card"));
    const Device primary = Device::open(
        std::filesystem::read_symlink("/proc/self/fd/" +
                                      std::to_string(card.get())));
    const Bo named = primary.create(PAGES * PAGE);
    { const gpumem::Pin pin = named.pin(); }
    drm_gem_flink flink{};
    flink.handle = named.handle();
    ASSERT_EQ(::ioctl(primary.fd(), DRM_IOCTL_GEM_FLINK, &flink), 0);
    EXPECT_TRUE(named.madvise(GPUMEM_BO_DONTNEED));
    expect_kept(); // and something else was taken meanwhile
    EXPECT_EQ(named.query().purged, 0U);
    EXPECT_EQ(named.query().resident_pages, PAGES);
}

TEST_F(Madvise, GivesItsMemoryToWhoNeedsIt) {
    const auto available = support::available_memory();
    const Bo first = device.create(available * 6 / 10);
    { const gpumem::Pin pin = first.pin(); }
    const Bo second = device.create(available * 6 / 10);
    ASSERT_EQ(gpumem_bo_pin(second.get(), 0), -ENOMEM);
    first.madvise(GPUMEM_BO_DONTNEED);
    ASSERT_EQ(gpumem_bo_pin(second.get(), 0), 0);
    EXPECT_EQ(first.query().purged, 1U);
    EXPECT_EQ(gpumem_bo_unpin(second.get()), 0);
}

TEST_F(Madvise, IsShown) {
    const auto fdinfo = [&] {
        return support::read_file("/proc/self/fdinfo/" +
                                  std::to_string(device.fd()));
    };
    const auto state = [] {
        std::istringstream lines(
            support::read_file(support::GPUMEM_DEBUGFS + "objects"));
        std::string line;
        std::string last;
        while (std::getline(lines, line))
            last = line;
        return last.substr(last.rfind(' ') + 1);
    };
    EXPECT_EQ(bo.query().dontneed, 0U);
    EXPECT_EQ(fdinfo().find("drm-purgeable-memory:\t256 KiB"),
              std::string::npos);
    bo.madvise(GPUMEM_BO_DONTNEED);
    EXPECT_EQ(bo.query().dontneed, 1U);
    EXPECT_NE(fdinfo().find("drm-purgeable-memory:\t256 KiB"),
              std::string::npos)
        << fdinfo();
    EXPECT_EQ(state(), "purgeable");
    EXPECT_EQ(support::shell("gpumem memmap --json"), 0);
    ASSERT_TRUE(becomes_purged(bo));
    EXPECT_EQ(state(), "purged");
}

TEST_F(Madvise, BuffersComeAndGoWhileTheShrinkerRuns) {
    const auto before = device.stats();
    {
        const std::jthread shrinker([](const std::stop_token &stop) {
            while (!stop.stop_requested())
                shrink();
        });
        // Some stay for a while, until no batch of a CPU holds them.
        std::array<Bo, 8> bos;
        for (std::size_t i = 0;
             i < 400 || device.stats().purged == before.purged; ++i) {
            ASSERT_LT(i, 4000U) << "nothing was ever taken";
            Bo &each = bos[i % bos.size()];
            each = device.create(16 * PAGE);
            { const gpumem::Pin pin = each.pin(); }
            each.madvise(GPUMEM_BO_DONTNEED);
            if (i % 3 == 0)
                each.madvise(GPUMEM_BO_WILLNEED);
        }
    }
    EXPECT_EQ(device.stats().objects, before.objects);
    EXPECT_EQ(device.stats().resident_pages, before.resident_pages);
    EXPECT_TRUE(intact());
}

} // namespace
