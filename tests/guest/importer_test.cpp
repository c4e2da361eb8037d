// SPDX-License-Identifier: MIT
// Importers of our dma-bufs: who pins, who is told that pages move, and what
// fences do. The importer is tests/kmod/gpumem_test_importer.c; no driver in the
// guest can be told.
#include "support/debugfs.hpp"
#include "support/kernel_config.hpp"
#include "support/moves.hpp"
#include "support/system.hpp"
#include "support/test_importer.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;
using support::TestImporter;

namespace {

constexpr std::size_t PAGES = 64;

class DmaBuf : public testing::Test {
protected:
    DmaBuf() {
        for (std::size_t page = 0; page < PAGES; ++page) {
            *word(page) = (page + 1) * 0x9e3779b97f4a7c15U;
            sum += *word(page);
        }
    }

    [[nodiscard]] std::uint64_t *word(std::size_t page) const {
        return map.as<std::uint64_t>().data() + page * PAGE / 8;
    }
    [[nodiscard]] bool intact() const {
        for (std::size_t page = 0; page < PAGES; ++page)
            if (*word(page) != (page + 1) * 0x9e3779b97f4a7c15U)
                return false;
        return true;
    }
    bool moves() const { return support::moves(id); }
    bool stays() const {
        const auto before = support::page_frames(id);
        // Longer than the kernel waits for an importer's fences.
        const bool moved = support::moves(id, std::chrono::seconds(2));
        return !moved && support::page_frames(id) == before && intact();
    }
    [[nodiscard]] std::uint64_t pins() const { return bo.query().pins; }
    // The kernel tells importers that can be told. Where that is known, a module
    // that was built as if it did not is a mistake and no reason to skip.
    static bool is_told(const TestImporter &importer) {
        const bool told = !importer.get("core_pins");
        EXPECT_TRUE(told || !support::tells_importers());
        return told;
    }

    const Device device = Device::open();
    const Bo bo = device.create(PAGES * PAGE);
    const gpumem::Mapping map = bo.map();
    const std::uint64_t id = support::object_ids().back();
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    std::uint64_t sum = 0;
};

TEST_F(DmaBuf, AnImporterThatIsToldPinsNothing) {
    const TestImporter importer(dmabuf.fd(), "told");
    EXPECT_EQ(pins(), 0U);
    ASSERT_EQ(importer("map"), 0);
    EXPECT_EQ(importer.get("sum"), sum);
    if (!is_told(importer)) {
        EXPECT_EQ(pins(), 1U);
        EXPECT_TRUE(stays());
        EXPECT_EQ(importer.get("told"), 0U);
        ASSERT_EQ(importer("unmap"), 0);
    } else {
        EXPECT_EQ(pins(), 0U);
        EXPECT_TRUE(moves());
        EXPECT_GE(importer.get("told"), 1U);
        EXPECT_EQ(importer.get("mapped"), 0U);
        ASSERT_EQ(importer("map"), 0);
        EXPECT_EQ(importer.get("sum"), sum) << "not where the pages are now";
        ASSERT_EQ(importer("unmap"), 0);
    }
    EXPECT_EQ(pins(), 0U);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, AnImporterThatKeepsAnOldMappingIsInNobodysWay) {
    const TestImporter importer(dmabuf.fd(), "lazy");
    ASSERT_EQ(importer("map"), 0);
    if (!is_told(importer)) {
        EXPECT_TRUE(stays());
    } else {
        EXPECT_TRUE(moves());
        EXPECT_EQ(importer.get("mapped"), 1U);
        EXPECT_TRUE(moves());
    }
    ASSERT_EQ(importer("unmap"), 0);
    ASSERT_EQ(importer("map"), 0);
    EXPECT_EQ(importer.get("sum"), sum);
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, AnImporterThatIsNotToldPinsWhileItIsMapped) {
    const TestImporter importer(dmabuf.fd(), "static");
    // Before 7.0 from attaching to detaching, however the kernel is configured.
    const auto attached = support::kernel_is_at_least(7, 0) ? 0U : 1U;
    EXPECT_EQ(pins(), attached);
    ASSERT_EQ(importer("map"), 0);
    EXPECT_EQ(pins(), 1U);
    EXPECT_EQ(importer.get("sum"), sum);
    EXPECT_TRUE(stays());
    ASSERT_EQ(importer("unmap"), 0);
    EXPECT_EQ(pins(), attached);
    ASSERT_EQ(importer("detach"), 0);
    EXPECT_EQ(pins(), 0U);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, AnImportersPinKeepsThePages) {
    const TestImporter importer(dmabuf.fd(), "told");
    ASSERT_EQ(importer("pin"), 0);
    EXPECT_EQ(pins(), 1U);
    ASSERT_EQ(importer("map"), 0);
    EXPECT_TRUE(stays());
    EXPECT_EQ(importer.get("told"), 0U);
    EXPECT_EQ(importer.get("sum"), sum);
    ASSERT_EQ(importer("unmap"), 0);
    ASSERT_EQ(importer("unpin"), 0);
    EXPECT_EQ(pins(), 0U);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, AnImporterThatGoesAwayLeavesNothing) {
    {
        const TestImporter importer(dmabuf.fd(), "told");
        ASSERT_EQ(importer("pin"), 0);
        ASSERT_EQ(importer("map"), 0);
        ASSERT_EQ(importer("fence"), 0);
    }
    EXPECT_EQ(pins(), 0U);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, APageWithAnUnsignalledFenceStays) {
    const TestImporter importer(dmabuf.fd(), "told");
    const auto refused = device.stats().refused_busy;
    ASSERT_EQ(importer("fence"), 0);
    EXPECT_TRUE(stays());
    EXPECT_GT(device.stats().refused_busy, refused);
    ASSERT_EQ(importer("signal"), 0);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, AFenceOfAnImporterThatWasToldKeepsThePagesUntilItSignals) {
    const TestImporter importer(dmabuf.fd(), "lazy");
    if (!is_told(importer))
        GTEST_SKIP() << "this kernel tells no importer";
    ASSERT_EQ(importer("map"), 0);
    ASSERT_EQ(importer("fence"), 0);
    EXPECT_TRUE(stays());
    EXPECT_GE(importer.get("told"), 1U);
    ASSERT_EQ(importer("signal"), 0);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, AnImporterThatMapsAgainAtOnceMayBeToldAgain) {
    const TestImporter importer(dmabuf.fd(), "told");
    if (!is_told(importer))
        GTEST_SKIP() << "this kernel tells no importer";
    std::uint64_t told = 0;
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(importer("map"), 0);
        EXPECT_EQ(importer.get("sum"), sum);
        EXPECT_TRUE(moves());
        EXPECT_GT(importer.get("told"), told);
        told = importer.get("told");
    }
    EXPECT_TRUE(intact());
}

// vgem's uapi, for which libdrm has no header.
struct VgemFenceAttach {
    std::uint32_t handle, flags, out_fence, pad;
};
struct VgemFenceSignal {
    std::uint32_t fence, flags;
};
constexpr std::uint32_t VGEM_WRITE = 1;
constexpr unsigned long VGEM_ATTACH =
    DRM_IOWR(DRM_COMMAND_BASE + 1, VgemFenceAttach);
constexpr unsigned long VGEM_SIGNAL =
    DRM_IOW(DRM_COMMAND_BASE + 2, VgemFenceSignal);

// vgem lets user space say when its fence signals, and ends it after ten
// seconds.
TEST_F(DmaBuf, AFenceOfAnotherDeviceComesInASyncFileAndKeepsThePages) {
    ASSERT_EQ(support::shell("modprobe vgem"), 0);
    const int vgem = support::open_drm("vgem", "card");
    ASSERT_GE(vgem, 0);
    drm_mode_create_dumb theirs{};
    theirs.width = theirs.height = 64;
    theirs.bpp = 32;
    ASSERT_EQ(::ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &theirs), 0);
    int their_dmabuf = -1;
    ASSERT_EQ(drmPrimeHandleToFD(vgem, theirs.handle, DRM_CLOEXEC,
                                 &their_dmabuf),
              0);
    bool asked = false;
    for (int attempt = 0; attempt < 5 && !asked; ++attempt) {
        VgemFenceAttach fence{};
        fence.handle = theirs.handle;
        fence.flags = VGEM_WRITE;
        ASSERT_EQ(::ioctl(vgem, VGEM_ATTACH, &fence), 0);
        dma_buf_export_sync_file out{};
        out.flags = DMA_BUF_SYNC_READ;
        ASSERT_EQ(
            ::ioctl(their_dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &out), 0);
        dma_buf_import_sync_file in{};
        in.flags = DMA_BUF_SYNC_WRITE;
        in.fd = out.fd;
        ASSERT_EQ(
            ::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &in), 0);

        const auto active = support::fdinfo_memory(device.fd(), "active");
        const bool kept = stays();
        pollfd state{out.fd, POLLIN, 0};
        if (::poll(&state, 1, 0) == 0) { // not yet signalled
            asked = true;
            EXPECT_TRUE(kept);
            EXPECT_EQ(active, "256 KiB");
        }
        VgemFenceSignal now{};
        now.fence = fence.out_fence;
        EXPECT_TRUE(::ioctl(vgem, VGEM_SIGNAL, &now) == 0 ||
                    errno == ETIMEDOUT);
        ::close(out.fd);
    }
    EXPECT_TRUE(asked);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
    EXPECT_EQ(support::fdinfo_memory(device.fd(), "active"), "0");
    ::close(their_dmabuf);
    ::close(vgem);
}

TEST_F(DmaBuf, AMappedBufferIsNotPurged) {
    const TestImporter importer(dmabuf.fd(), "told");
    ASSERT_EQ(importer("map"), 0);
    ASSERT_TRUE(bo.madvise(GPUMEM_BO_DONTNEED));
    for (int i = 0; i < 3; ++i)
        support::write_file("/proc/sys/vm/drop_caches", "2");
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_WILLNEED));
    EXPECT_EQ(importer.get("sum"), sum);
}

TEST_F(DmaBuf, CpuAccessWhileItIsMapped) {
    const TestImporter importer(dmabuf.fd(), "told");
    ASSERT_EQ(importer("map"), 0);
    dma_buf_sync sync{};
    sync.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE;
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    *word(3) += 5;
    sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    EXPECT_EQ(importer.get("sum"), sum + 5);
}

// A bounce buffer of the device may not have yet what the CPU has written.
TEST_F(DmaBuf, CpuAccessKeepsAMappedBufferWhereItIs) {
    const TestImporter importer(dmabuf.fd(), "told");
    if (!is_told(importer))
        GTEST_SKIP() << "this kernel tells no importer";
    ASSERT_EQ(importer("map"), 0);
    dma_buf_sync sync{};
    // Two users at once.
    sync.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE;
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    EXPECT_TRUE(stays());
    sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    EXPECT_TRUE(stays());
    EXPECT_EQ(importer.get("told"), 0U);
    // The last end, and one too many, which is nothing.
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    EXPECT_TRUE(moves());
    EXPECT_TRUE(intact());
}

// One count is kept of all who have the dma-buf, and none of who they are.
TEST_F(DmaBuf, CpuAccessThatIsNeverEndedKeepsAMappedBufferUntilSomebodyEndsIt) {
    const auto sync = [&](std::uint64_t what) {
        dma_buf_sync args{};
        args.flags = what | DMA_BUF_SYNC_WRITE;
        return ::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &args) ? errno : 0;
    };
    const auto begin_and_die = [&] {
        return support::in_child([&] { return sync(DMA_BUF_SYNC_START); });
    };
    const TestImporter importer(dmabuf.fd(), "told");
    if (!is_told(importer))
        GTEST_SKIP() << "this kernel tells no importer";
    ASSERT_EQ(importer("map"), 0);
    ASSERT_EQ(begin_and_die(), 0);
    EXPECT_TRUE(stays());
    ASSERT_EQ(sync(DMA_BUF_SYNC_END), 0);
    EXPECT_TRUE(moves());

    // It keeps nothing that is not mapped.
    ASSERT_EQ(begin_and_die(), 0);
    EXPECT_EQ(importer.get("mapped"), 0U);
    EXPECT_TRUE(moves());
    ASSERT_EQ(sync(DMA_BUF_SYNC_END), 0);
    EXPECT_TRUE(intact());
}

TEST_F(DmaBuf, ALongPinUnderAMappingTellsTheImporter) {
    const TestImporter importer(dmabuf.fd(), "told");
    if (!is_told(importer))
        GTEST_SKIP() << "this kernel tells no importer";
    const bool cma = support::read_file("/proc/meminfo").find("CmaTotal") !=
                     std::string::npos;
    ASSERT_EQ(importer("map"), 0);
    const auto before = support::page_frames(id);
    const bool suspect =
        cma || std::ranges::any_of(before, support::is_in_zone_movable);
    const gpumem::Pin pin = bo.pin(gpumem::PinFor::long_time);
    EXPECT_EQ(importer.get("told"), suspect ? 1U : 0U);
    EXPECT_EQ(support::page_frames(id) != before, suspect);
    if (suspect) {
        ASSERT_EQ(importer("map"), 0);
    }
    EXPECT_EQ(importer.get("sum"), sum);
    EXPECT_TRUE(intact());
}

TEST(ForeignDmaBuf, OfUdmabufMapsAndPins) {
    support::shell("modprobe udmabuf");
    const int control = ::open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
    if (control < 0 && !support::is_configured("UDMABUF").value_or(false))
        GTEST_SKIP() << "this kernel has no udmabuf";
    ASSERT_GE(control, 0);
    const int memory = ::memfd_create("udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    ASSERT_GE(memory, 0);
    ASSERT_EQ(::ftruncate(memory, PAGES * PAGE), 0);
    ASSERT_EQ(::fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    udmabuf_create args{};
    args.memfd = static_cast<std::uint32_t>(memory);
    args.flags = UDMABUF_FLAGS_CLOEXEC;
    args.size = PAGES * PAGE;
    const int fd = ::ioctl(control, UDMABUF_CREATE, &args);
    ASSERT_GE(fd, 0);
    {
        const Device device = Device::open();
        const Bo bo = device.import_dmabuf(fd);
        EXPECT_TRUE(bo.query().imported);
        EXPECT_EQ(bo.size(), PAGES * PAGE);
        const gpumem::Pin pin = bo.pin();
        const auto map = bo.map();
        std::memset(map.data(), 0x7e, map.size());
        std::byte last{};
        ASSERT_EQ(::pread(memory, &last, 1, PAGES * PAGE - 1), 1);
        EXPECT_EQ(last, std::byte{0x7e});
    }
    ::close(fd);
    ::close(memory);
    ::close(control);
}

} // namespace
