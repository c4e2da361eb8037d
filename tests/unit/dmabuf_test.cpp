// SPDX-License-Identifier: MIT
#include "fake_system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.h>

namespace {

class DmaBufs : public LibraryTest {
protected:
    void SetUp() override { ASSERT_EQ(gpumem_device_open(nullptr, &dev), 0); }
    void TearDown() override {
        gpumem_device_close(dev);
        LibraryTest::TearDown();
    }
    gpumem_device *dev = nullptr;
};

TEST_F(DmaBufs, AReimportSharesTheHandleAndClosesItOnce) {
    gpumem_bo *bo = nullptr;
    gpumem_bo *again = nullptr;
    int fd = -1;
    ASSERT_EQ(gpumem_bo_create(dev, 1, 0, &bo), 0);
    ASSERT_EQ(gpumem_bo_export_dmabuf(bo, &fd), 0);
    ASSERT_EQ(gpumem_bo_import_dmabuf(dev, fd, &again), 0);
    EXPECT_EQ(gpumem_bo_handle(bo), gpumem_bo_handle(again));
    EXPECT_EQ(gpumem_bo_size(again), 4096U);
    gpumem_bo_destroy(bo);
    EXPECT_EQ(sys.objects.size(), 1U);
    gpumem_bo_destroy(again);
    EXPECT_TRUE(sys.objects.empty());
}

TEST_F(DmaBufs, DestroyDropsOnlyItsOwnPins) {
    gpumem_bo *bo = nullptr;
    gpumem_bo *again = nullptr;
    int fd = -1;
    ASSERT_EQ(gpumem_bo_create(dev, 1, 0, &bo), 0);
    ASSERT_EQ(gpumem_bo_export_dmabuf(bo, &fd), 0);
    ASSERT_EQ(gpumem_bo_import_dmabuf(dev, fd, &again), 0);
    ASSERT_EQ(gpumem_bo_pin(bo, 0), 0);
    for (int i = 0; i < 100; ++i)
        ASSERT_EQ(gpumem_bo_pin(again, 0), 0);
    gpumem_bo_destroy(again);
    EXPECT_EQ(sys.objects.begin()->second.pins, 1U);
    EXPECT_EQ(gpumem_bo_unpin(bo), 0);
    gpumem_bo_destroy(bo);
}

TEST_F(DmaBufs, RefuseBadInput) {
    gpumem_bo *bo = nullptr;
    int fd = -1;
    EXPECT_EQ(gpumem_bo_export_dmabuf(nullptr, &fd), -EINVAL);
    EXPECT_EQ(gpumem_bo_import_dmabuf(nullptr, 3, &bo), -EINVAL);
    EXPECT_EQ(gpumem_bo_import_dmabuf(dev, 3, nullptr), -EINVAL);
    EXPECT_EQ(gpumem_bo_import_dmabuf(dev, -1, &bo), -EBADF);
    EXPECT_EQ(gpumem_bo_import_dmabuf(dev, 3, &bo), -EINVAL);
    EXPECT_EQ(bo, nullptr);
    EXPECT_EQ(fd, -1);
}

TEST_F(DmaBufs, AnImportThatFailsLateLeavesOthersHandlesAlone) {
    gpumem_bo *bo = nullptr;
    gpumem_bo *again = nullptr;
    int fd = -1;
    ASSERT_EQ(gpumem_bo_create(dev, 1, 0, &bo), 0);
    ASSERT_EQ(gpumem_bo_export_dmabuf(bo, &fd), 0);
    sys.fail_once[DRM_IOCTL_GPUMEM_QUERY] = -EINVAL;
    EXPECT_EQ(gpumem_bo_import_dmabuf(dev, fd, &again), -EINVAL);
    EXPECT_EQ(sys.objects.size(), 1U);
    gpumem_bo_destroy(bo);
}

TEST_F(DmaBufs, AFailedExportWritesNoDescriptor) {
    gpumem_bo *bo = nullptr;
    int fd = -1;
    ASSERT_EQ(gpumem_bo_create(dev, 1, 0, &bo), 0);
    sys.fail_once[DRM_IOCTL_PRIME_HANDLE_TO_FD] = -EMFILE;
    EXPECT_EQ(gpumem_bo_export_dmabuf(bo, &fd), -EMFILE);
    EXPECT_EQ(fd, -1);
    gpumem_bo_destroy(bo);
}

} // namespace
