// SPDX-License-Identifier: MIT
// Loading and unloading the module. GPUMEM_KO names the module file; tools/vm
// sets it.
#include "support/crumbs.hpp"
#include "support/modules.hpp"
#include "support/system.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>

using gpumem::Device;

namespace {

class Module : public testing::Test {
protected:
    void SetUp() override {
        const char *path = std::getenv("GPUMEM_KO");
        ASSERT_NE(path, nullptr) << "GPUMEM_KO is not set";
        std::string backing =
            support::read_file("/sys/module/gpumem/parameters/backing");
        backing.pop_back(); // the line's end
        insmod = std::string("insmod ") + path + " ";
        as_it_was = insmod + "backing=" + backing + " ";
    }
    // Whatever a test did, the next one finds the module as it was.
    void TearDown() override {
        support::shell("rmmod gpumem");
        EXPECT_EQ(support::shell(as_it_was), 0);
    }
    std::string insmod;
    std::string as_it_was; // with the backing that this run is about
};

TEST_F(Module, CannotBeUnloadedWhileAFileIsOpen) {
    {
        const Device device = Device::open();
        EXPECT_NE(support::shell("rmmod gpumem"), 0);
        EXPECT_EQ(device.create(4096).size(), 4096U);
    }
    EXPECT_EQ(support::shell("rmmod gpumem"), 0);
    EXPECT_THROW((void)Device::open(), gpumem::Error);
}

TEST_F(Module, CannotBeUnloadedWhileABufferIsMapped) {
    constexpr std::size_t size = 4 * support::PAGE;
    std::byte *map = nullptr;
    {
        const Device device = Device::open();
        const gpumem::Bo bo = device.create(size);
        map = static_cast<std::byte *>(
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                   bo.export_dmabuf().fd(), 0));
        ASSERT_NE(map, MAP_FAILED);
    }
    // All descriptors are closed; the mapping alone keeps buffer and code.
    EXPECT_NE(support::shell("rmmod gpumem"), 0);
    map[0] = map[size - 1] = std::byte{0x42};
    EXPECT_EQ(map[0], std::byte{0x42});
    ::munmap(map, size);
    EXPECT_EQ(support::shell("rmmod gpumem"), 0);
}

TEST_F(Module, WhoseDeviceIsUnpluggedGivesSigbusAndIsDone) {
    constexpr std::size_t size = 4 * support::PAGE;
    {
        const Device device = Device::open();
        const gpumem::Bo bo = device.create(size);
        const gpumem::Mapping map = bo.map();
        const gpumem::DmaBuf dmabuf = bo.export_dmabuf();
        auto *shared = static_cast<std::byte *>(
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                   dmabuf.fd(), 0));
        ASSERT_NE(shared, MAP_FAILED);
        map.data()[0] = shared[size - 1] = std::byte{1};

        support::write_file("/sys/bus/platform/drivers/gpumem/unbind",
                            "gpumem");
        for (std::byte *touched : {map.data(), map.data() + size - 1,
                                   shared, shared + size - 1})
            EXPECT_TRUE(support::read_gives_sigbus(touched));
        gpumem_bo_info info{};
        info.size_of_struct = sizeof(info);
        EXPECT_EQ(gpumem_bo_query(bo.get(), &info), -ENODEV);
        EXPECT_THROW((void)Device::open(), gpumem::Error);
        ::munmap(shared, size);
    }
    support::write_file("/sys/bus/platform/drivers/gpumem/bind", "gpumem");
    EXPECT_EQ(Device::open().create(size).size(), size);
}

TEST_F(Module, RefusesAnUnknownBacking) {
    ASSERT_EQ(support::shell("rmmod gpumem"), 0);
    EXPECT_NE(support::shell(insmod + "backing=none"), 0);
    EXPECT_NE(support::shell(as_it_was + "movable=perhaps"), 0);
    EXPECT_THROW((void)Device::open(), gpumem::Error);
}

TEST_F(Module, RefusesAnUnknownStore) {
    const std::string helper = support::module_file("gpumem_helper");
    const auto as_helper_was = support::insmod_as_it_is("gpumem_helper");
    ASSERT_EQ(support::shell("rmmod gpumem"), 0);
    ASSERT_EQ(support::shell("rmmod gpumem_helper"), 0);
    for (const char *word : {"store=zbud", "store_algorithm=brotli",
                             "store_pages=huge", "store_policy=best"})
        EXPECT_NE(support::shell("insmod " + helper + " " + word), 0) << word;
    EXPECT_EQ(support::shell(as_helper_was), 0);
}

TEST_F(Module, WithMovable0MovesNothing) {
    ASSERT_EQ(support::shell("rmmod gpumem"), 0);
    ASSERT_EQ(support::shell(as_it_was + "movable=0"), 0);
    const Device device = Device::open();
    EXPECT_FALSE(device.stats().movable);
    const auto isolated = device.stats().isolated;
    support::Crumbs crumbs(device);
    EXPECT_EQ(support::move_pages(device, 1), 0U);
    EXPECT_EQ(device.stats().isolated, isolated);
    EXPECT_EQ(crumbs.first_wrong(), "");
    EXPECT_FALSE(crumbs.kept().front().bo.query().movable);
}

} // namespace
