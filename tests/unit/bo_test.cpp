// SPDX-License-Identifier: MIT
#include "fake_system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>

namespace {

class BufferObject : public LibraryTest {
protected:
    void TearDown() override {
        device = gpumem::Device();
        LibraryTest::TearDown();
    }
    gpumem::Device device = gpumem::Device::open();
};

TEST_F(BufferObject, RefusesBadInputWithoutAskingTheDriver) {
    gpumem_bo *bo = nullptr;
    EXPECT_EQ(gpumem_bo_create(nullptr, 1, 0, &bo), -EINVAL);
    EXPECT_EQ(gpumem_bo_create(device.get(), 1, 0, nullptr), -EINVAL);
    EXPECT_EQ(gpumem_bo_create(device.get(), 0, 0, &bo), -EINVAL);
    EXPECT_EQ(gpumem_bo_create(device.get(), 1, 1, &bo), -EINVAL);
    EXPECT_EQ(bo, nullptr);
    EXPECT_EQ(sys.ioctls, 0U);
}

TEST_F(BufferObject, HasTheRoundedSize) {
    const auto bo = device.create(5000);
    EXPECT_EQ(bo.size(), 8192U);
    EXPECT_NE(bo.handle(), 0U);
    EXPECT_EQ(bo.query().moved, 7U);
}

TEST_F(BufferObject, PassesTheDriversErrorOn) {
    sys.fail_once[DRM_IOCTL_GPUMEM_CREATE] = -ENOMEM;
    gpumem_bo *bo = nullptr;
    EXPECT_EQ(gpumem_bo_create(device.get(), 1, 0, &bo), -ENOMEM);
    EXPECT_EQ(bo, nullptr);
    sys.fail_once[DRM_IOCTL_GPUMEM_CREATE] = -ENOMEM;
    EXPECT_THROW((void)device.create(1), gpumem::Error);
}

TEST_F(BufferObject, MapsOnceForNestedCalls) {
    const auto bo = device.create(4096);
    void *first = nullptr;
    void *second = nullptr;
    ASSERT_EQ(gpumem_bo_map(bo.get(), &first), 0);
    ASSERT_EQ(gpumem_bo_map(bo.get(), &second), 0);
    EXPECT_EQ(first, second);
    EXPECT_EQ(sys.maps.size(), 1U);
    EXPECT_EQ(gpumem_bo_unmap(bo.get()), 0);
    EXPECT_EQ(sys.maps.size(), 1U);
    EXPECT_EQ(gpumem_bo_unmap(bo.get()), 0);
    EXPECT_TRUE(sys.maps.empty());
    EXPECT_EQ(gpumem_bo_unmap(bo.get()), -EINVAL);
}

TEST_F(BufferObject, AFailedMapLeavesItUnmapped) {
    const auto bo = device.create(4096);
    void *addr = nullptr;
    sys.fail_map = -ENOMEM;
    EXPECT_EQ(gpumem_bo_map(bo.get(), &addr), -ENOMEM);
    sys.fail_map = 0;
    sys.fail_once[DRM_IOCTL_GPUMEM_MMAP_OFFSET] = -ENOENT;
    EXPECT_EQ(gpumem_bo_map(bo.get(), &addr), -ENOENT);
    EXPECT_EQ(addr, nullptr);
    EXPECT_EQ(gpumem_bo_unmap(bo.get()), -EINVAL);
    EXPECT_TRUE(bo.map());
}

TEST_F(BufferObject, DestroyUnmaps) {
    gpumem_bo *bo = nullptr;
    void *addr = nullptr;
    ASSERT_EQ(gpumem_bo_create(device.get(), 1, 0, &bo), 0);
    ASSERT_EQ(gpumem_bo_map(bo, &addr), 0);
    gpumem_bo_destroy(bo);
    gpumem_bo_destroy(nullptr);
    EXPECT_TRUE(sys.maps.empty());
}

TEST_F(BufferObject, AMappingOutlivesItsBo) {
    auto bo = device.create(4096);
    gpumem::Mapping map = bo.map();
    bo = gpumem::Bo();
    map.data()[0] = std::byte{1};
    EXPECT_EQ(sys.objects.size(), 1U);
}

TEST_F(BufferObject, AdviceSaysWhatBecameOfTheContents) {
    const auto bo = device.create(1);
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_DONTNEED));
    EXPECT_EQ(bo.query().dontneed, 1U);
    sys.objects.at(bo.handle()).purged = true;
    EXPECT_EQ(bo.query().purged, 1U);
    EXPECT_FALSE(bo.madvise(GPUMEM_BO_WILLNEED));
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_WILLNEED));
    EXPECT_EQ(bo.query().dontneed + bo.query().purged, 0U);
    EXPECT_EQ(gpumem_bo_madvise(bo.get(), GPUMEM_BO_WILLNEED, nullptr), 0);
    EXPECT_TRUE(bo.madvise(GPUMEM_BO_COLD));
    EXPECT_EQ(bo.query().cold_pages, 3U);
    EXPECT_EQ(gpumem_bo_madvise(bo.get(), 3, nullptr), -EINVAL);
    EXPECT_EQ(gpumem_bo_madvise(nullptr, GPUMEM_BO_WILLNEED, nullptr), -EINVAL);
}

TEST_F(BufferObject, NullIsAnError) {
    EXPECT_EQ(gpumem_bo_size(nullptr), 0U);
    EXPECT_EQ(gpumem_bo_handle(nullptr), 0U);
    EXPECT_EQ(gpumem_bo_map(nullptr, nullptr), -EINVAL);
    EXPECT_EQ(gpumem_bo_unmap(nullptr), -EINVAL);
    EXPECT_EQ(gpumem_bo_query(nullptr, nullptr), -EINVAL);
    gpumem_bo_info info{};
    const auto bo = device.create(1);
    EXPECT_EQ(gpumem_bo_query(bo.get(), &info), -EINVAL) << "size is not set";
}

} // namespace
