// SPDX-License-Identifier: MIT
#include "fake_system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>

namespace {

using DeviceOpen = LibraryTest;

TEST_F(DeviceOpen, FindsTheNodeByDriverNotByNumber) {
    gpumem_device *dev = nullptr;
    ASSERT_EQ(gpumem_device_open(nullptr, &dev), 0);
    EXPECT_EQ(sys.open_files.at(gpumem_device_fd(dev)), "gpumem");
    EXPECT_EQ(sys.open_files.size(), 1U);
    gpumem_device_close(dev);
}

TEST_F(DeviceOpen, RefusesAnotherDriversNode) {
    gpumem_device *dev = nullptr;
    EXPECT_EQ(gpumem_device_open("/dev/dri/renderD128", &dev), -ENODEV);
    EXPECT_EQ(gpumem_device_open("/dev/dri/renderD7", &dev), -ENOENT);
    EXPECT_EQ(gpumem_device_open(nullptr, nullptr), -EINVAL);
    sys.nodes.clear();
    EXPECT_EQ(gpumem_device_open(nullptr, &dev), -ENODEV);
    EXPECT_EQ(dev, nullptr);
}

TEST_F(DeviceOpen, DuplicatesADescriptor) {
    const int fd = sys.open("/dev/dri/renderD129");
    gpumem_device *dev = nullptr;
    ASSERT_EQ(gpumem_device_from_fd(fd, &dev), 0);
    EXPECT_NE(gpumem_device_fd(dev), fd);
    sys.close(fd);
    gpumem_device_close(dev);
    EXPECT_EQ(gpumem_device_from_fd(-1, &dev), -EBADF);
    EXPECT_EQ(gpumem_device_from_fd(fd, &dev), -EBADF);
}

TEST(Backing, HasTheNameThatTheModuleParameterHas) {
    EXPECT_STREQ(gpumem_backing_name(GPUMEM_BACKING_MOPS), "mops");
    EXPECT_STREQ(gpumem_backing_name(GPUMEM_BACKING_GEMFS), "gemfs");
    EXPECT_STREQ(gpumem_backing_name(0), "unknown");
    EXPECT_STREQ(gpumem_backing_name(99), "unknown");
}

TEST_F(DeviceOpen, LivesUntilItsLastBufferIsDestroyed) {
    gpumem_device *dev = nullptr;
    gpumem_bo *bo = nullptr;
    ASSERT_EQ(gpumem_device_open(nullptr, &dev), 0);
    ASSERT_EQ(gpumem_bo_create(dev, 1, 0, &bo), 0);
    gpumem_device_close(dev);
    EXPECT_EQ(sys.open_files.size(), 1U);
    gpumem_bo_destroy(bo);
    EXPECT_TRUE(sys.open_files.empty());
}

TEST_F(DeviceOpen, QueryRespectsTheSizeOfTheCallersStruct) {
    const auto device = gpumem::Device::open();
    gpumem_device_stats stats{};
    EXPECT_EQ(gpumem_device_query(device.get(), &stats), -EINVAL);
    stats.size = sizeof(stats);
    ASSERT_EQ(gpumem_device_query(device.get(), &stats), 0);
    EXPECT_EQ(stats.movable, 1U);
    EXPECT_EQ(stats.faults, 9U);
    EXPECT_EQ(stats.size, sizeof(stats));

    struct {
        gpumem_device_stats known;
        std::uint64_t newer;
    } bigger{};
    bigger.newer = 5;
    bigger.known.size = sizeof(bigger);
    ASSERT_EQ(gpumem_device_query(device.get(), &bigger.known), 0);
    EXPECT_EQ(bigger.newer, 0U) << "unknown fields read as 0";
}

TEST_F(DeviceOpen, CompactGivesTheBudgetAndTakesTheResult) {
    const auto device = gpumem::Device::open();
    const auto got = device.compact(64, std::chrono::microseconds(3));
    EXPECT_EQ(got.pages, 64U);
    EXPECT_EQ(got.time_ns, 3000U);
    EXPECT_EQ(got.pages_moved, 64U);
    EXPECT_EQ(got.blocks_freed, 2U);
    EXPECT_EQ(got.pages_scanned, 3000U);
    EXPECT_EQ(got.done, 1U);
    EXPECT_EQ(device.compact(1).time_ns, 0U) << "no limit";
}

TEST_F(DeviceOpen, CompactPassesErrorsOnAndWritesNothingThen) {
    const auto device = gpumem::Device::open();
    gpumem_compaction args{};
    args.size = sizeof(args);
    EXPECT_EQ(gpumem_device_compact(device.get(), &args), -EINVAL);
    args.pages = 1;
    args.flags = 1;
    EXPECT_EQ(gpumem_device_compact(device.get(), &args), -EINVAL);
    args.flags = 0;
    for (const int error : {-EACCES, -EBUSY, -ENOMEM}) {
        sys.fail_once[DRM_IOCTL_GPUMEM_COMPACT] = error;
        EXPECT_EQ(gpumem_device_compact(device.get(), &args), error);
        EXPECT_EQ(args.pages_moved, 0U);
        EXPECT_EQ(args.done, 0U);
    }
    EXPECT_THROW((void)device.compact(0), gpumem::Error);
}

TEST_F(DeviceOpen, CompactRespectsTheSizeOfTheCallersStruct) {
    const auto device = gpumem::Device::open();
    gpumem_compaction args{};
    args.pages = 5;
    for (const std::uint32_t size : {0U, 8U, 4097U}) {
        args.size = size;
        EXPECT_EQ(gpumem_device_compact(device.get(), &args), -EINVAL) << size;
    }

    // What an earlier call has filled is no input of the next one.
    struct {
        gpumem_compaction known;
        std::uint64_t newer;
    } bigger{};
    bigger.newer = 5;
    bigger.known.size = sizeof(bigger);
    bigger.known.pages = 5;
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(gpumem_device_compact(device.get(), &bigger.known), 0);
        EXPECT_EQ(bigger.known.pages_moved, 5U);
        EXPECT_EQ(bigger.newer, 0U) << "unknown fields read as 0";
        EXPECT_EQ(bigger.known.size, sizeof(bigger));
    }
    EXPECT_EQ(gpumem_device_compact(device.get(), nullptr), -EINVAL);
    EXPECT_EQ(gpumem_device_compact(nullptr, &args), -EINVAL);
}

TEST_F(DeviceOpen, NullIsHarmless) {
    gpumem_device_close(nullptr);
    EXPECT_EQ(gpumem_device_fd(nullptr), -EINVAL);
    EXPECT_EQ(gpumem_device_query(nullptr, nullptr), -EINVAL);
}

TEST_F(DeviceOpen, RestartsInterruptedCalls) {
    sys.interrupts = 3;
    const auto device = gpumem::Device::open();
    EXPECT_EQ(device.stats().faults, 9U);
    EXPECT_EQ(sys.ioctls, 4U);
}

} // namespace
