// SPDX-License-Identifier: MIT
// Without memory: every ioctl of the driver, mmap and every kind of page fault.
#include "fault_trial.hpp"

#include "support/debugfs.hpp"
#include "support/moves.hpp"
#include "support/purge.hpp"

#include <drm/gpumem_drm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xf86drm.h>

#include <csetjmp>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <vector>

using gpumem::Bo;
using gpumem::Device;
using gpumem::UniqueFd;
using support::PAGE;

namespace {

constexpr std::size_t PAGES = 16;
// So many that the page cache needs more than one node for them.
constexpr std::size_t MANY_PAGES = 70;

drm_gpumem_pin pin_args(const std::vector<std::uint32_t> &handles,
                        std::uint32_t flags = 0) {
    drm_gpumem_pin args{};
    args.handles = reinterpret_cast<std::uintptr_t>(handles.data());
    args.count = static_cast<std::uint32_t>(handles.size());
    args.flags = flags;
    return args;
}

void close_handle(const Device &device, std::uint32_t handle) {
    drm_gem_close args{};
    args.handle = handle;
    EXPECT_EQ(::ioctl(device.fd(), DRM_IOCTL_GEM_CLOSE, &args), 0);
}

std::uint32_t create_handle(const Device &device) {
    drm_gpumem_create args{};
    args.size = PAGES * PAGE;
    EXPECT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_CREATE, &args), 0);
    return args.handle;
}

std::string path_of(const Device &device) {
    return std::filesystem::read_symlink("/proc/self/fd/" +
                                         std::to_string(device.fd()));
}

off_t offset_of(const Device &device, const Bo &bo) {
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    EXPECT_EQ(::ioctl(device.fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args), 0);
    return static_cast<off_t>(args.offset);
}

TEST_F(Fault, InCreate) {
    drm_gpumem_create args{};
    survives({.before =
                  [&] {
                      args = {};
                      args.size = PAGES * PAGE - 1;
                  },
              .call = [&] { return ioctl(DRM_IOCTL_GPUMEM_CREATE, &args); },
              .after = [&] { close_handle(device, args.handle); },
              .failed =
                  [&] {
                      EXPECT_EQ(args.handle, 0U);
                      EXPECT_EQ(args.size, PAGES * PAGE - 1);
                  }});
    EXPECT_GT(failed_calls(), 0U) << "slab allocations do not fail";
}

TEST_F(Fault, InCreateOfADumbBuffer) {
    const UniqueFd card(support::open_drm("gpumem", "card"));
    ASSERT_TRUE(card);
    drm_mode_create_dumb args{};
    survives(
        {.before =
             [&] {
                 args = {};
                 args.width = args.height = 64;
                 args.bpp = 32;
             },
         .call =
             [&] {
                 return ioctl(card.get(), DRM_IOCTL_MODE_CREATE_DUMB, &args);
             },
         .after =
             [&] {
                 drm_mode_destroy_dumb gone{};
                 gone.handle = args.handle;
                 EXPECT_EQ(
                     ioctl(card.get(), DRM_IOCTL_MODE_DESTROY_DUMB, &gone), 0);
             }});
}

TEST_F(Fault, InMmapOffset) {
    make_buffer(PAGES);
    survives({.call = [&] {
        drm_gpumem_mmap_offset args{};
        args.handle = bo.handle();
        return ioctl(DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args);
    }});
}

TEST_F(Fault, InPin) {
    std::vector<std::uint32_t> handles;
    survives({.before =
                  [&] {
                      make_buffer(MANY_PAGES);
                      handles = {bo.handle()};
                  },
              .call =
                  [&] {
                      auto args = pin_args(handles);
                      return ioctl(DRM_IOCTL_GPUMEM_PIN, &args);
                  },
              .after = [&] { drop_buffer(); }});
    EXPECT_GE(failed_calls(), MANY_PAGES) << "page allocations do not fail";
}

TEST_F(Fault, InPinOfAnArray) {
    // The array is too large for one page.
    std::vector<Bo> others(3);
    std::vector<std::uint32_t> handles;
    survives({.before =
                  [&] {
                      make_buffer(4);
                      handles.assign(600, bo.handle());
                      for (Bo &other : others) {
                          other = device.create(4 * PAGE);
                          handles.push_back(other.handle());
                      }
                  },
              .call =
                  [&] {
                      auto args = pin_args(handles);
                      return ioctl(DRM_IOCTL_GPUMEM_PIN, &args);
                  },
              .after =
                  [&] {
                      drop_buffer();
                      for (Bo &other : others)
                          other = Bo();
                  },
              .pages_may_stay = true,
              .failed =
                  [&] {
                      for (const Bo &other : others)
                          EXPECT_EQ(other.query().pins, 0U);
                  }});
}

// A long pin that failed has not only left the buffer unpinned: the kernel can
// still move what is in it.
class FaultLongPin : public Fault {
protected:
    void survives_long_pin(std::size_t resident) {
        std::vector<std::uint32_t> handles;
        std::uint64_t id = 0;
        survives({.before =
                      [&] {
                          make_buffer(PAGES, resident);
                          handles = {bo.handle()};
                          id = support::object_ids().back();
                      },
                  .call =
                      [&] {
                          auto args = pin_args(handles, GPUMEM_PIN_LONGTERM);
                          return ioctl(DRM_IOCTL_GPUMEM_PIN, &args);
                      },
                  .after =
                      [&] {
                          EXPECT_TRUE(is_intact());
                          drop_buffer();
                      },
                  .failed =
                      [&] {
                          if (resident) {
                              EXPECT_TRUE(support::moves(id));
                          }
                          EXPECT_TRUE(is_intact());
                      }});
    }
};

TEST_F(FaultLongPin, OfANewBuffer) {
    survives_long_pin(0);
}

TEST_F(FaultLongPin, OfPagesThatAreReplaced) {
    survives_long_pin(PAGES);
}

TEST_F(FaultLongPin, OfPagesThatAreReplacedAndSomeThatAreMissing) {
    survives_long_pin(PAGES / 2);
}

TEST_F(Fault, InUnpin) {
    std::vector<std::uint32_t> handles;
    survives({.before =
                  [&] {
                      make_buffer(4);
                      handles.assign(600, bo.handle());
                      auto args = pin_args(handles);
                      ASSERT_EQ(ioctl(DRM_IOCTL_GPUMEM_PIN, &args), 0);
                  },
              .call =
                  [&] {
                      auto args = pin_args(handles);
                      return ioctl(DRM_IOCTL_GPUMEM_UNPIN, &args);
                  },
              .after =
                  [&] {
                      EXPECT_EQ(bo.query().pins, 0U);
                      drop_buffer();
                  }});
}

TEST_F(Fault, InQuery) {
    make_buffer(PAGES, 1);
    survives({.call = [&] {
        drm_gpumem_query args{};
        args.handle = bo.handle();
        return ioctl(DRM_IOCTL_GPUMEM_QUERY, &args);
    }});
}

TEST_F(Fault, InStats) {
    survives({.call = [&] {
        drm_gpumem_stats args{};
        return ioctl(DRM_IOCTL_GPUMEM_STATS, &args);
    }});
}

TEST_F(Fault, InMadvise) {
    const auto madvise = [&](std::uint32_t advice) {
        drm_gpumem_madvise args{};
        args.handle = bo.handle();
        args.advice = advice;
        return ioctl(DRM_IOCTL_GPUMEM_MADVISE, &args);
    };
    // Not needed; needed and kept; needed after it was taken.
    struct Case {
        bool needed, purged;
    };
    for (const auto [needed, purged] :
         {Case{false, false}, Case{true, false}, Case{true, true}})
        survives({.before =
                      [&] {
                          make_buffer(PAGES, PAGES);
                          if (needed) {
                              ASSERT_EQ(madvise(GPUMEM_MADV_DONTNEED), 0);
                          }
                          if (purged) {
                              ASSERT_TRUE(support::becomes_purged(bo));
                          }
                      },
                  .call =
                      [&] {
                          return madvise(needed ? GPUMEM_MADV_WILLNEED
                                                : GPUMEM_MADV_DONTNEED);
                      },
                  .after =
                      [&] {
                          EXPECT_EQ(bo.query().dontneed, needed ? 0U : 1U);
                          EXPECT_EQ(bo.query().purged, 0U);
                          drop_buffer();
                      }});
}

TEST_F(Fault, InClose) {
    std::uint32_t handle = 0;
    survives({.before =
                  [&] {
                      handle = create_handle(device);
                      auto handles = std::vector{handle};
                      auto args = pin_args(handles);
                      ASSERT_EQ(ioctl(DRM_IOCTL_GPUMEM_PIN, &args), 0);
                  },
              .call =
                  [&] {
                      drm_gem_close args{};
                      args.handle = handle;
                      return ioctl(DRM_IOCTL_GEM_CLOSE, &args);
                  },
              .errors = {}});
}

TEST_F(Fault, InOpen) {
    const std::string path = path_of(device);
    int fd = -1;
    survives({.call =
                  [&] {
                      fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
                      return fd < 0 ? errno : 0;
                  },
              .after = [&] { ::close(fd); }});
}

TEST_F(Fault, InCloseOfAFileWithPinnedBuffers) {
    const std::string path = path_of(device);
    int fd = -1;
    survives({.before =
                  [&] {
                      fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
                      const Device other = Device::from_fd(fd);
                      auto handles = std::vector{create_handle(other)};
                      auto args = pin_args(handles);
                      ASSERT_EQ(ioctl(fd, DRM_IOCTL_GPUMEM_PIN, &args), 0);
                  },
              .call = [&] { return ::close(fd) ? errno : 0; },
              .errors = {}});
}

TEST_F(Fault, InSyncobjCreate) {
    drm_syncobj_create args{};
    survives({.before = [&] { args = {}; },
              .call = [&] { return ioctl(DRM_IOCTL_SYNCOBJ_CREATE, &args); },
              .after =
                  [&] {
                      drm_syncobj_destroy gone{};
                      gone.handle = args.handle;
                      EXPECT_EQ(ioctl(DRM_IOCTL_SYNCOBJ_DESTROY, &gone), 0);
                  }});
}

// A mapping of the buffer through the device or its dma-buf, and touches of it.
class FaultMapping : public Fault {
protected:
    enum class Through { device, dmabuf };

    void SetUp() override {
        Fault::SetUp();
        struct sigaction action {};
        action.sa_handler = [](int) { siglongjmp(place_, 1); };
        ::sigaction(SIGBUS, &action, &old_);
    }
    void TearDown() override {
        ::sigaction(SIGBUS, &old_, nullptr);
        Fault::TearDown();
    }

    int map_now() {
        const bool whole = through_ == Through::device;
        void *const got =
            ::mmap(LONELY, PAGES * PAGE, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED_NOREPLACE,
                   whole ? device.fd() : dmabuf_.fd(), whole ? offset_ : 0);
        if (got == MAP_FAILED)
            return errno;
        mapped_ = static_cast<volatile std::byte *>(got);
        return 0;
    }
    void unmap() {
        ::munmap(const_cast<std::byte *>(mapped_), PAGES * PAGE);
        dmabuf_ = {};
        drop_buffer();
    }
    void make(Through through, std::size_t resident) {
        through_ = through;
        make_buffer(PAGES, resident);
        offset_ = offset_of(device, bo);
        if (through == Through::dmabuf)
            dmabuf_ = bo.export_dmabuf();
    }

    // EFAULT if it was a SIGBUS, which is all that a program gets to know.
    int touch(std::size_t page, bool write) const {
        volatile std::byte *const byte = mapped_ + page * PAGE;
        if (sigsetjmp(place_, 1))
            return EFAULT;
        if (write)
            *byte = std::byte{1};
        else
            (void)*byte;
        return 0;
    }

    void survives_mmap(Through through) {
        survives({.before = [&] { make(through, 0); },
                  .call = [&] { return map_now(); },
                  .after = [&] { unmap(); }});
    }
    // Of a page that is missing, and of one that is only not mapped yet.
    void survives_touch(bool write) {
        for (const auto through : {Through::device, Through::dmabuf})
            for (const std::size_t resident : {std::size_t{0}, PAGES})
                survives({.before =
                              [&] {
                                  make(through, resident);
                                  ASSERT_EQ(map_now(), 0);
                              },
                          .call = [&] { return touch(3, write); },
                          .after = [&] { unmap(); },
                          .errors = {EFAULT}});
    }

private:
    // Far from all else, so that a fault needs page tables of every level.
    static inline void *const LONELY = reinterpret_cast<void *>(0x200000000000);
    static inline sigjmp_buf place_;
    struct sigaction old_ {};
    Through through_ = Through::device;
    off_t offset_ = 0;
    gpumem::DmaBuf dmabuf_;
    volatile std::byte *mapped_ = nullptr;
};

TEST_F(FaultMapping, InMmapOfTheDevice) {
    survives_mmap(Through::device);
}

TEST_F(FaultMapping, InMmapOfTheDmaBuf) {
    survives_mmap(Through::dmabuf);
}

TEST_F(FaultMapping, InAReadFault) {
    survives_touch(false);
}

TEST_F(FaultMapping, InAWriteFault) {
    survives_touch(true);
}

} // namespace
