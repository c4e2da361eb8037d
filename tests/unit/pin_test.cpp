// SPDX-License-Identifier: MIT
#include "fake_system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>

#include <array>
#include <vector>

namespace {

class Pins : public LibraryTest {
protected:
    void TearDown() override {
        device = gpumem::Device();
        LibraryTest::TearDown();
    }
    gpumem::Device device = gpumem::Device::open();
};

TEST_F(Pins, Nest) {
    const auto bo = device.create(1);
    auto outer = bo.pin();
    {
        const auto inner = bo.pin();
        EXPECT_EQ(bo.query().pins, 2U);
    }
    EXPECT_EQ(bo.query().pins, 1U);
    outer.reset();
    EXPECT_EQ(bo.query().pins, 0U);
    EXPECT_EQ(gpumem_bo_unpin(bo.get()), -EINVAL);
}

TEST_F(Pins, OfManyAreOneCall) {
    const auto a = device.create(1);
    const auto b = device.create(1);
    const std::array<const gpumem::Bo *, 2> both{&a, &b};
    const unsigned before = sys.ioctls;
    auto pins = device.pin(both);
    EXPECT_EQ(sys.ioctls, before + 1);
    EXPECT_EQ(a.query().pins, 1U);
    EXPECT_EQ(b.query().pins, 1U);
    pins.reset();
    EXPECT_EQ(a.query().pins + b.query().pins, 0U);
}

TEST_F(Pins, PassTheirFlagsOn) {
    const auto bo = device.create(1);
    const auto pin = bo.pin(gpumem::PinFor::long_time);
    EXPECT_EQ(sys.pin_flags, GPUMEM_BO_PIN_LONGTERM);
    const std::array<const gpumem::Bo *, 1> one{&bo};
    const auto pins = device.pin(one, gpumem::PinFor::long_time);
    EXPECT_EQ(sys.pin_flags, GPUMEM_BO_PIN_LONGTERM);
    const auto plain = bo.pin();
    EXPECT_EQ(sys.pin_flags, 0U);
    EXPECT_EQ(gpumem_bo_pin(bo.get(), 2), -EINVAL);
    EXPECT_EQ(bo.query().pins, 3U);
}

TEST_F(Pins, RefuseBadArrays) {
    const auto bo = device.create(1);
    const auto other_device = gpumem::Device::open();
    const auto other = other_device.create(1);
    gpumem_bo *const good = bo.get();
    gpumem_bo *const none = nullptr;
    gpumem_bo *const foreign = other.get();
    const std::vector<gpumem_bo *> many(GPUMEM_PIN_MAX_HANDLES + 1, good);
    const auto pin_many = [](gpumem_device *dev, gpumem_bo *const *bos,
                             std::uint32_t count) {
        return gpumem_bo_pin_many(dev, bos, count, 0);
    };
    for (int (*const call)(gpumem_device *, gpumem_bo *const *, std::uint32_t) :
         {+pin_many, gpumem_bo_unpin_many}) {
        EXPECT_EQ(call(device.get(), &good, 0), -EINVAL);
        EXPECT_EQ(call(device.get(), nullptr, 1), -EINVAL);
        EXPECT_EQ(call(nullptr, &good, 1), -EINVAL);
        EXPECT_EQ(call(device.get(), &none, 1), -EINVAL);
        EXPECT_EQ(call(device.get(), &foreign, 1), -EINVAL);
        EXPECT_EQ(call(device.get(), many.data(), GPUMEM_PIN_MAX_HANDLES + 1),
                  -E2BIG);
    }
    EXPECT_EQ(gpumem_bo_pin(nullptr, 0), -EINVAL);
    EXPECT_EQ(gpumem_bo_unpin(nullptr), -EINVAL);
    EXPECT_EQ(bo.query().pins, 0U);
}

TEST_F(Pins, AFailedUnpinKeepsTheCount) {
    const auto bo = device.create(1);
    ASSERT_EQ(gpumem_bo_pin(bo.get(), 0), 0);
    sys.fail_once[DRM_IOCTL_GPUMEM_UNPIN] = -EINVAL;
    EXPECT_EQ(gpumem_bo_unpin(bo.get()), -EINVAL);
    EXPECT_EQ(gpumem_bo_unpin(bo.get()), 0);
    EXPECT_EQ(bo.query().pins, 0U);
}

// What an unpin of many fails for is short memory, which single ones need none of.
TEST_F(Pins, ASetLetsGoAlsoWithoutMemory) {
    std::vector<gpumem::Bo> bos;
    std::vector<const gpumem::Bo *> all;
    for (int i = 0; i < 20; ++i)
        bos.push_back(device.create(1));
    for (const gpumem::Bo &bo : bos)
        all.push_back(&bo);
    gpumem::PinSet set = device.pin(all);
    EXPECT_EQ(bos.back().query().pins, 1U);
    sys.fail_once[DRM_IOCTL_GPUMEM_UNPIN] = -ENOMEM;
    set.reset();
    for (const gpumem::Bo &bo : bos)
        EXPECT_EQ(bo.query().pins, 0U);
}

TEST_F(Pins, AFailedPinCountsNothing) {
    const auto bo = device.create(1);
    sys.fail_once[DRM_IOCTL_GPUMEM_PIN] = -ENOMEM;
    EXPECT_EQ(gpumem_bo_pin(bo.get(), 0), -ENOMEM);
    EXPECT_EQ(gpumem_bo_unpin(bo.get()), -EINVAL);
}

} // namespace
