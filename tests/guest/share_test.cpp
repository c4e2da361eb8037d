// SPDX-License-Identifier: MIT
// Buffers and other devices: PRIME both ways, dumb buffers, and what the kernel
// tells about buffers in fdinfo and debugfs.
#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <sstream>

using gpumem::Bo;
using gpumem::Device;
using support::PAGE;

namespace {

TEST(Share, ReimportGivesTheSameObject) {
    const Device device = Device::open();
    const Bo bo = device.create(4 * PAGE);
    const auto objects = device.stats().objects;
    const Bo again = device.import_dmabuf(bo.export_dmabuf().fd());
    EXPECT_EQ(again.handle(), bo.handle());
    EXPECT_EQ(device.stats().objects, objects);
    EXPECT_FALSE(again.query().imported);
}

TEST(Share, ImportRefusesWhatIsNoDmaBuf) {
    const Device device = Device::open();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    gpumem_bo *bo = nullptr;
    EXPECT_EQ(gpumem_bo_import_dmabuf(device.get(), ends[0], &bo), -EINVAL);
    ::close(ends[0]);
    ::close(ends[1]);
    EXPECT_EQ(gpumem_bo_import_dmabuf(device.get(), ends[0], &bo), -EBADF);
    EXPECT_EQ(bo, nullptr);
}

TEST(Share, ForeignBufferMapsAndPins) {
    ASSERT_EQ(support::shell("modprobe vgem"), 0);
    const int vgem = support::open_drm("vgem", "renderD");
    const int card = support::open_drm("vgem", "card");
    ASSERT_GE(vgem, 0);
    ASSERT_GE(card, 0);
    drm_mode_create_dumb dumb{};
    dumb.width = dumb.height = 64;
    dumb.bpp = 32;
    ASSERT_EQ(::ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb), 0);
    int fd = -1;
    ASSERT_EQ(drmPrimeHandleToFD(card, dumb.handle, DRM_CLOEXEC | DRM_RDWR, &fd),
              0);
    {
        const Device device = Device::open();
        const Bo bo = device.import_dmabuf(fd);
        EXPECT_TRUE(bo.query().imported);
        EXPECT_FALSE(bo.query().movable);
        EXPECT_EQ(bo.size(), dumb.size);
        // Its pages are not ours to take.
        EXPECT_EQ(gpumem_bo_madvise(bo.get(), GPUMEM_BO_DONTNEED, nullptr),
                  -EOPNOTSUPP);
        const gpumem::Pin pin = bo.pin();
        const auto map = bo.map();
        std::memset(map.data(), 0x3c, map.size());
        auto *direct = static_cast<std::byte *>(
            ::mmap(nullptr, map.size(), PROT_READ, MAP_SHARED, fd, 0));
        ASSERT_NE(direct, MAP_FAILED);
        EXPECT_EQ(std::memcmp(direct, map.data(), map.size()), 0);
        ::munmap(direct, map.size());
    }
    ::close(fd);
    ::close(card);
    ::close(vgem);
}

// From 7.0 on a buffer that is imported and not mapped is not pinned: vkms maps
// it into the kernel while it is on screen.
TEST(Share, ADisplayThatImportsABufferLetsGoOfItsPin) {
    const bool pinned = !support::kernel_is_at_least(7, 0);
    const Device device = Device::open();
    const Bo bo = device.create(64 * PAGE);
    const int vkms = support::open_drm("vkms", "card");
    ASSERT_GE(vkms, 0);
    std::uint32_t handle = 0;
    ASSERT_EQ(drmPrimeFDToHandle(vkms, bo.export_dmabuf().fd(), &handle), 0);
    EXPECT_EQ(bo.query().pins, pinned ? 1U : 0U);
    EXPECT_EQ(bo.query().resident_pages, pinned ? 64U : 0U);
    drm_gem_close args{};
    args.handle = handle;
    ASSERT_EQ(::ioctl(vkms, DRM_IOCTL_GEM_CLOSE, &args), 0);
    EXPECT_EQ(bo.query().pins, 0U);
    ::close(vkms);
}

TEST(Share, DumbBuffersMapOnThePrimaryNode) {
    const int card = support::open_drm("gpumem", "card");
    ASSERT_GE(card, 0);
    drm_mode_create_dumb dumb{};
    dumb.width = 100;
    dumb.height = 50;
    dumb.bpp = 32;
    ASSERT_EQ(::ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb), 0);
    EXPECT_GE(dumb.pitch, 400U);
    EXPECT_GE(dumb.size, std::uint64_t{dumb.pitch} * 50);
    drm_mode_map_dumb where{};
    where.handle = dumb.handle;
    ASSERT_EQ(::ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &where), 0);
    void *map = ::mmap(nullptr, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED,
                       card, static_cast<off_t>(where.offset));
    ASSERT_NE(map, MAP_FAILED);
    std::memset(map, 1, dumb.size);
    ::munmap(map, dumb.size);
    drm_mode_destroy_dumb gone{};
    gone.handle = dumb.handle;
    EXPECT_EQ(::ioctl(card, DRM_IOCTL_MODE_DESTROY_DUMB, &gone), 0);
    where.handle = 0x7fff;
    EXPECT_EQ(::ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &where), -1);
    EXPECT_EQ(errno, ENOENT);
    ::close(card);
}

TEST(Share, ReimportThroughAnotherFileIsTheSameObjectToo) {
    const Device device = Device::open();
    const Device other = Device::open();
    const Bo bo = device.create(4 * PAGE);
    const auto objects = device.stats().objects;
    const Bo again = other.import_dmabuf(bo.export_dmabuf().fd());
    EXPECT_EQ(device.stats().objects, objects);
    EXPECT_FALSE(again.query().imported);
    bo.map().data()[0] = std::byte{0x11};
    EXPECT_EQ(again.map().data()[0], std::byte{0x11});
}

TEST(Share, SyncobjsCountOnATimeline) {
    const Device device = Device::open();
    std::uint32_t syncobj = 0;
    ASSERT_EQ(drmSyncobjCreate(device.fd(), 0, &syncobj), 0);
    std::uint64_t point = 3;
    ASSERT_EQ(drmSyncobjTimelineSignal(device.fd(), &syncobj, &point, 1), 0);
    std::uint64_t reached = 0;
    ASSERT_EQ(drmSyncobjQuery(device.fd(), &syncobj, &reached, 1), 0);
    EXPECT_EQ(reached, 3U);
    point = 2;
    EXPECT_EQ(drmSyncobjTimelineWait(device.fd(), &syncobj, &point, 1, 0, 0,
                                     nullptr),
              0);
    point = 4;
    EXPECT_NE(drmSyncobjTimelineWait(
                  device.fd(), &syncobj, &point, 1, 0,
                  DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, nullptr),
              0);
    int fd = -1;
    ASSERT_EQ(drmSyncobjHandleToFD(device.fd(), syncobj, &fd), 0);
    std::uint32_t same = 0;
    EXPECT_EQ(drmSyncobjFDToHandle(device.fd(), fd, &same), 0);
    EXPECT_EQ(drmSyncobjDestroy(device.fd(), same), 0);
    ::close(fd);
    // Another kind of descriptor is refused.
    EXPECT_NE(drmSyncobjFDToHandle(device.fd(), device.fd(), &same), 0);
    EXPECT_EQ(drmSyncobjDestroy(device.fd(), syncobj), 0);
}

// The dma-buf's own ioctls: CPU access and fences of the reservation object.
TEST(Share, DmaBufsTakeCpuAccessAndGiveSyncFiles) {
    const Device device = Device::open();
    const Bo bo = device.create(4 * PAGE);
    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    dma_buf_sync sync{};
    for (const std::uint64_t what : {DMA_BUF_SYNC_START, DMA_BUF_SYNC_END}) {
        sync.flags = what | DMA_BUF_SYNC_RW;
        EXPECT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), 0);
    }
    sync.flags = 1U << 7;
    EXPECT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &sync), -1);
    EXPECT_EQ(errno, EINVAL);

    dma_buf_export_sync_file out{};
    out.flags = DMA_BUF_SYNC_RW;
    out.fd = -1;
    ASSERT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &out), 0);
    ASSERT_GE(out.fd, 0);
    dma_buf_import_sync_file in{};
    in.flags = DMA_BUF_SYNC_WRITE;
    in.fd = out.fd;
    EXPECT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &in), 0);
    in.fd = dmabuf.fd(); // no sync file
    EXPECT_EQ(::ioctl(dmabuf.fd(), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &in), -1);
    ::close(out.fd);
}

TEST(Share, FdinfoHasTheStandardKeys) {
    const Device device = Device::open();
    const Bo bo = device.create(1 << 20);
    const gpumem::Pin pin = bo.pin();
    const std::string info =
        support::read_file("/proc/self/fdinfo/" + std::to_string(device.fd()));
    EXPECT_NE(info.find("drm-driver:\tgpumem"), std::string::npos) << info;
    EXPECT_NE(info.find("drm-total-memory:"), std::string::npos) << info;
    const auto memory = [&](const char *key) {
        return support::fdinfo_memory(device.fd(), key);
    };
    EXPECT_EQ(memory("total"), "1 MiB");
    EXPECT_EQ(memory("resident"), "1 MiB");
    EXPECT_EQ(memory("shared"), "0");
    EXPECT_EQ(memory("active"), "0");
    EXPECT_EQ(memory("purgeable"), "0");

    const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
    EXPECT_EQ(memory("shared"), "1 MiB");
}

TEST(Share, DebugfsAgreesWithQuery) {
    const std::string directory = "/sys/kernel/debug/gpumem/";
    const Device device = Device::open();
    ASSERT_EQ(device.stats().objects, 0U) << "something else holds buffers";
    const Bo bo = device.create(8 * PAGE);
    const gpumem::Pin pin = bo.pin();

    std::istringstream objects(support::read_file(directory + "objects"));
    std::string line;
    std::getline(objects, line);
    EXPECT_EQ(line, "# id size resident pins moved offset state");
    std::uint64_t id = 0, size = 0, resident = 0, pins = 0, moved = 0;
    std::string offset, state;
    objects >> id >> size >> resident >> pins >> moved >> offset >> state;
    EXPECT_EQ(size, bo.size());
    EXPECT_EQ(resident, 8U);
    EXPECT_EQ(pins, 1U);
    EXPECT_EQ(state, "pinned");
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    ASSERT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args), 0);
    EXPECT_EQ(support::object_at(args.offset), id);
    EXPECT_EQ(support::object_at(args.offset + PAGE), 0U);

    const auto frames = support::page_frames(id);
    EXPECT_EQ(std::set(frames.begin(), frames.end()).size(), 8U);
    EXPECT_FALSE(std::set(frames.begin(), frames.end()).contains(0));
    std::istringstream pages(support::read_file(directory + "pages"));
    std::getline(pages, line);
    EXPECT_EQ(line, "# pfn count object index state");
}

} // namespace
