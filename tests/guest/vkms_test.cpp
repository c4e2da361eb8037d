// SPDX-License-Identifier: MIT
// Unmodified vkms on the helper, as another driver that has adopted it: its dumb
// buffers move unless they are on screen. tools/test boots a guest with
// --vkms gpumem for these tests.
#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

using support::PAGE;

namespace {

// A dumb buffer of the display, mapped; a word in each page says whose it is.
class Dumb {
public:
    explicit Dumb(int card, std::uint32_t number) : card_(card), number_(number) {
        drm_mode_create_dumb args{};
        args.width = 1024;
        args.height = 768;
        args.bpp = 32;
        if (::ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &args))
            throw std::runtime_error("no dumb buffer");
        handle_ = args.handle;
        pitch_ = args.pitch;
        drm_mode_map_dumb where{};
        where.handle = handle_;
        void *map = MAP_FAILED;
        if (::ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &where) == 0)
            map = ::mmap(nullptr, args.size, PROT_READ | PROT_WRITE, MAP_SHARED,
                         card, static_cast<off_t>(where.offset));
        if (map == MAP_FAILED)
            throw std::runtime_error("the dumb buffer cannot be mapped");
        bytes_ = {static_cast<std::byte *>(map), args.size};
    }
    Dumb(const Dumb &) = delete;
    Dumb &operator=(const Dumb &) = delete;
    ~Dumb() {
        ::munmap(bytes_.data(), bytes_.size());
        drm_mode_destroy_dumb args{};
        args.handle = handle_;
        ::ioctl(card_, DRM_IOCTL_MODE_DESTROY_DUMB, &args);
    }

    [[nodiscard]] std::size_t pages() const { return bytes_.size() / PAGE; }
    void mark(std::size_t page) { word(page) = value(page); }
    [[nodiscard]] bool intact() {
        for (std::size_t page = 0; page < pages(); ++page)
            if (word(page) != value(page))
                return false;
        return true;
    }
    [[nodiscard]] std::uint32_t handle() const { return handle_; }
    [[nodiscard]] std::uint32_t pitch() const { return pitch_; }

private:
    [[nodiscard]] std::uint32_t value(std::size_t page) const {
        return number_ << 16 | static_cast<std::uint32_t>(page);
    }
    volatile std::uint32_t &word(std::size_t page) {
        return *reinterpret_cast<volatile std::uint32_t *>(bytes_.data() +
                                                           page * PAGE);
    }
    int card_;
    std::uint32_t number_, handle_ = 0, pitch_ = 0;
    std::span<std::byte> bytes_;
};

class VkmsOnGpumem : public testing::Test {
protected:
    void SetUp() override { ASSERT_GE(card, 0) << "there is no vkms"; }
    ~VkmsOnGpumem() override { ::close(card); }

    // Shows the buffer on the first connector with a mode of its size.
    void show(std::uint32_t handle, std::uint32_t pitch) {
        ASSERT_EQ(drmModeAddFB(card, 1024, 768, 24, 32, pitch, handle,
                               &framebuffer),
                  0);
        const std::unique_ptr<drmModeRes, decltype(&drmModeFreeResources)> all(
            drmModeGetResources(card), &drmModeFreeResources);
        ASSERT_TRUE(all && all->count_crtcs > 0);
        for (int i = 0; i < all->count_connectors; ++i) {
            const std::unique_ptr<drmModeConnector,
                                  decltype(&drmModeFreeConnector)>
                connector(drmModeGetConnector(card, all->connectors[i]),
                          &drmModeFreeConnector);
            for (int m = 0; connector && m < connector->count_modes; ++m) {
                drmModeModeInfo &mode = connector->modes[m];
                std::uint32_t number = connector->connector_id;
                if (mode.hdisplay == 1024 && mode.vdisplay == 768 &&
                    drmModeSetCrtc(card, all->crtcs[0], framebuffer, 0, 0,
                                   &number, 1, &mode) == 0)
                    return;
            }
        }
        FAIL() << "no connector takes the buffer";
    }

    const int card = support::open_drm("vkms", "card");
    std::uint32_t framebuffer = 0;
};

TEST_F(VkmsOnGpumem, DumbBuffersMoveUnlessTheyAreOnScreen) {
    const auto others = support::object_states();
    std::vector<std::unique_ptr<Dumb>> all;
    for (std::uint32_t i = 0; i < 80; ++i)
        all.push_back(std::make_unique<Dumb>(card, i));
    std::vector<std::uint64_t> ids;
    for (const auto &[id, state] : support::object_states())
        if (!others.contains(id))
            ids.push_back(id);
    ASSERT_EQ(ids.size(), all.size()) << "vkms is not on the helper";
    // In turn, so that those that go leave crumbs.
    for (std::size_t page = 0; page < all.front()->pages(); ++page)
        for (const auto &buffer : all)
            buffer->mark(page);
    show(all.front()->handle(), all.front()->pitch());
    const auto shown = support::object_states().at(ids.front()); // the kernel may have been here
    EXPECT_GE(shown.pins, 1U);
    std::vector<std::uint64_t> kept;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i % 4 == 0)
            kept.push_back(ids[i]);
        else
            all[i].reset();
    }

    std::uint64_t moved = 0;
    for (int i = 0; i < 20 && moved == 0; ++i) {
        support::compact_memory();
        for (const std::uint64_t id : kept)
            moved += support::object_states().at(id).moved;
    }
    EXPECT_GT(moved, 0U);
    EXPECT_EQ(support::object_states().at(kept.front()).moved, shown.moved)
        << "moved while on screen";
    for (const auto &buffer : all)
        if (buffer) {
            EXPECT_TRUE(buffer->intact());
        }

    drmModeRmFB(card, framebuffer); // off screen
    EXPECT_EQ(support::object_states().at(kept.front()).pins, 0U);
}

TEST_F(VkmsOnGpumem, ABufferOfAnotherDeviceIsShown) {
    const gpumem::Device other = gpumem::Device::open();
    const std::uint32_t pitch = 1024 * 4;
    const gpumem::Bo bo = other.create(std::size_t{pitch} * 768);
    const int dmabuf = bo.export_dmabuf().release();
    std::uint32_t handle = 0;
    ASSERT_EQ(drmPrimeFDToHandle(card, dmabuf, &handle), 0);
    ::close(dmabuf);
    show(handle, pitch);
    EXPECT_GE(bo.query().pins, 1U);
    drmModeRmFB(card, framebuffer);
    drm_gem_close args{};
    args.handle = handle;
    EXPECT_EQ(::ioctl(card, DRM_IOCTL_GEM_CLOSE, &args), 0);
    EXPECT_EQ(bo.query().pins, 0U);
}

} // namespace
