// SPDX-License-Identifier: MIT
// Without memory: PRIME, the operations of a dma-buf, and sync files.
#include "fault_trial.hpp"

#include "support/test_importer.hpp"

#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <xf86drm.h>

#include <optional>
#include <string>

using gpumem::Device;
using gpumem::UniqueFd;
using support::PAGE;
using support::TestImporter;

namespace {

constexpr std::size_t PAGES = 16;

class FaultShare : public Fault {
protected:
    void make_dmabuf(std::size_t resident = 0) {
        make_buffer(PAGES, resident);
        dmabuf = bo.export_dmabuf();
    }
    void drop_dmabuf() {
        dmabuf = {};
        drop_buffer();
    }

    static int import(int drm, int fd, std::uint32_t &handle) {
        drm_prime_handle args{};
        args.fd = fd;
        const int error = ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
        if (!error)
            handle = args.handle;
        return error;
    }
    static void close_handle(int drm, std::uint32_t handle) {
        drm_gem_close args{};
        args.handle = handle;
        EXPECT_EQ(ioctl(drm, DRM_IOCTL_GEM_CLOSE, &args), 0);
    }

    gpumem::DmaBuf dmabuf;
};

TEST_F(FaultShare, InExport) {
    drm_prime_handle args{};
    survives(
        {.before =
             [&] {
                 make_buffer(PAGES);
                 args = {};
                 args.handle = bo.handle();
                 args.flags = DRM_CLOEXEC | DRM_RDWR;
             },
         .call = [&] { return ioctl(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args); },
         .after =
             [&] {
                 ::close(args.fd);
                 drop_buffer();
             }});
}

TEST_F(FaultShare, InImportOfTheFilesOwnBuffer) {
    std::uint32_t handle = 0;
    survives({.before = [&] { make_dmabuf(); },
              .call = [&] { return import(device.fd(), dmabuf.fd(), handle); },
              .after =
                  [&] {
                      EXPECT_EQ(handle, bo.handle());
                      drop_dmabuf();
                  }});
}

TEST_F(FaultShare, InImportOfAnotherFilesBuffer) {
    const Device other = Device::open();
    std::uint32_t handle = 0;
    survives({.before = [&] { make_dmabuf(); },
              .call = [&] { return import(other.fd(), dmabuf.fd(), handle); },
              .after =
                  [&] {
                      close_handle(other.fd(), handle);
                      drop_dmabuf();
                  }});
}

TEST_F(FaultShare, InImportOfAnotherDevicesBuffer) {
    ASSERT_EQ(support::shell("modprobe vgem"), 0);
    const UniqueFd vgem(support::open_drm("vgem", "card"));
    ASSERT_TRUE(vgem);
    drm_mode_create_dumb theirs{};
    UniqueFd their_dmabuf;
    std::uint32_t handle = 0;
    survives(
        {.before =
             [&] {
                 theirs = {};
                 theirs.width = 64;
                 theirs.height = 32;
                 theirs.bpp = 32;
                 ASSERT_EQ(
                     ioctl(vgem.get(), DRM_IOCTL_MODE_CREATE_DUMB, &theirs), 0);
                 int fd = -1;
                 ASSERT_EQ(drmPrimeHandleToFD(vgem.get(), theirs.handle,
                                              DRM_CLOEXEC | DRM_RDWR, &fd),
                           0);
                 their_dmabuf.reset(fd);
             },
         .call =
             [&] { return import(device.fd(), their_dmabuf.get(), handle); },
         .after =
             [&] {
                 close_handle(device.fd(), handle);
                 their_dmabuf.reset();
                 close_handle(vgem.get(), theirs.handle);
             }});
}

TEST_F(FaultShare, InCpuAccess) {
    std::optional<TestImporter> importer;
    const auto sync = [&](std::uint64_t flags) {
        dma_buf_sync args{};
        args.flags = flags | DMA_BUF_SYNC_RW;
        return ioctl(dmabuf.fd(), DMA_BUF_IOCTL_SYNC, &args);
    };
    for (const std::uint64_t end : {DMA_BUF_SYNC_START, DMA_BUF_SYNC_END})
        survives({.before =
                      [&] {
                          make_dmabuf();
                          importer.emplace(dmabuf.fd(), "told");
                          ASSERT_EQ((*importer)("map"), 0);
                      },
                  .call = [&] { return sync(end); },
                  .after =
                      [&] {
                          importer.reset();
                          drop_dmabuf();
                      }});
}

TEST_F(FaultShare, InExportOfASyncFile) {
    int fd = -1;
    survives({.before = [&] { make_dmabuf(); },
              .call =
                  [&] {
                      dma_buf_export_sync_file args{};
                      args.flags = DMA_BUF_SYNC_RW;
                      const int error = ioctl(
                          dmabuf.fd(), DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args);
                      fd = args.fd;
                      return error;
                  },
              .after =
                  [&] {
                      ::close(fd);
                      drop_dmabuf();
                  }});
}

TEST_F(FaultShare, InImportOfASyncFile) {
    UniqueFd fence;
    survives({.before =
                  [&] {
                      make_dmabuf();
                      dma_buf_export_sync_file args{};
                      args.flags = DMA_BUF_SYNC_RW;
                      ASSERT_EQ(ioctl(dmabuf.fd(),
                                      DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args),
                                0);
                      fence.reset(args.fd);
                  },
              .call =
                  [&] {
                      dma_buf_import_sync_file args{};
                      args.flags = DMA_BUF_SYNC_WRITE;
                      args.fd = fence.get();
                      return ioctl(dmabuf.fd(), DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
                                   &args);
                  },
              .after =
                  [&] {
                      fence.reset();
                      drop_dmabuf();
                  }});
}

// What an importer's driver asks of the exporter: @call after @needs.
class FaultImporter : public FaultShare {
protected:
    struct Asked {
        std::string kind = "told";
        std::string needs = {};
        std::string call = {};
        // A buffer that has to be made resident first.
        bool fills = false;
        std::size_t resident = PAGES;
        std::set<int> errors = {ENOMEM};
    };

    void survives_asking(const Asked &asked) {
        std::optional<TestImporter> importer;
        const bool attaches = asked.call == "attach";
        std::string command;
        survives({.before =
                      [&] {
                          make_dmabuf(asked.resident);
                          const std::string attach =
                              "attach " + std::to_string(dmabuf.fd()) + " " +
                              asked.kind;
                          importer.emplace();
                          if (!attaches) {
                              ASSERT_EQ((*importer)(attach), 0);
                          }
                          if (!asked.needs.empty()) {
                              ASSERT_EQ((*importer)(asked.needs), 0);
                          }
                          command = attaches ? attach : asked.call;
                      },
                  .call = [&] { return (*importer)(command); },
                  .after =
                      [&] {
                          EXPECT_TRUE(is_intact());
                          importer.reset();
                          drop_dmabuf();
                      },
                  .errors = asked.errors,
                  .pages_may_stay = asked.fills});
    }
    // @call needs pages; both with a buffer that has them and with one that has
    // not.
    void survives_filling(Asked asked) {
        asked.fills = true;
        for (const std::size_t resident : {PAGES, std::size_t{0}}) {
            asked.resident = resident;
            survives_asking(asked);
        }
    }
};

TEST_F(FaultImporter, InAttach) {
    survives_asking({.call = "attach"});
}

// Which may pin, and map at once.
TEST_F(FaultImporter, InAttachOfAnImporterThatIsNotTold) {
    survives_filling({.kind = "static", .call = "attach"});
}

TEST_F(FaultImporter, InDetach) {
    survives_asking({.call = "detach", .errors = {}});
}

TEST_F(FaultImporter, InMap) {
    survives_filling({.call = "map"});
}

TEST_F(FaultImporter, InMapOfAnImporterThatIsNotTold) {
    survives_filling({.kind = "static", .call = "map"});
}

TEST_F(FaultImporter, InUnmap) {
    survives_asking({.needs = "map", .call = "unmap", .errors = {}});
}

TEST_F(FaultImporter, InPin) {
    survives_filling({.call = "pin"});
}

TEST_F(FaultImporter, InUnpin) {
    survives_asking({.needs = "pin", .call = "unpin", .errors = {}});
}

TEST_F(FaultImporter, InVmap) {
    survives_filling({.call = "vmap"});
}

TEST_F(FaultImporter, InVunmap) {
    survives_asking({.needs = "vmap", .call = "vunmap", .errors = {}});
}

} // namespace
