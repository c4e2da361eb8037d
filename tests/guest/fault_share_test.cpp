// SPDX-License-Identifier: MIT
// Without memory: PRIME and what user space asks of a dma-buf.
#include "fault_share.hpp"

#include "support/test_importer.hpp"

#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

#include <optional>
#include <string>

using gpumem::Device;
using gpumem::UniqueFd;
using support::TestImporter;

namespace {

TEST_F(FaultShare, InExport) {
    for (const Contents contents : {Contents::missing, Contents::cold}) {
        int fd = -1;
        survives({.before = [&] { make_buffer(SHARED_PAGES, contents); },
                  .call = [&] { return export_as(bo.handle(), fd); },
                  .after =
                      [&] {
                          EXPECT_TRUE(is_intact());
                          ::close(fd);
                          drop_buffer();
                      }});
    }
}

TEST_F(FaultShare, InImportOfTheFilesOwnBuffer) {
    std::uint32_t handle = 0;
    survives({.before = [&] { make_dmabuf(); },
              .call = [&] { return import(device.fd(), dmabuf.fd(), handle); },
              .after =
                  [&] {
                      EXPECT_EQ(handle, bo.handle());
                      drop_dmabuf();
                  },
              .errors = {}});
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

TEST_F(FaultShare, InExportOfWhatIsExported) {
    int fd = -1;
    survives({.before = [&] { make_dmabuf(); },
              .call = [&] { return export_as(bo.handle(), fd); },
              .after =
                  [&] {
                      ::close(fd);
                      drop_dmabuf();
                  },
              .errors = {}});
}

// It frees the buffer.
TEST_F(FaultShare, InTheLastCloseOfADmaBuf) {
    for (const Contents contents : EACH_CONTENTS) {
        int fd = -1;
        survives({.before =
                      [&] {
                          make_dmabuf(contents);
                          fd = dmabuf.release();
                          drop_buffer();
                      },
                  .call = [&] { return ::close(fd) ? errno : 0; },
                  .errors = {}});
    }
}

// So does this. The handle is another file's: the buffer's object closes its own.
TEST_F(FaultShare, InTheLastCloseOfAHandle) {
    const Device other = Device::open();
    for (const Contents contents : EACH_CONTENTS) {
        drm_gem_close args{};
        survives({.before =
                      [&] {
                          make_dmabuf(contents);
                          ASSERT_EQ(
                              import(other.fd(), dmabuf.fd(), args.handle), 0);
                          drop_dmabuf();
                      },
                  .call =
                      [&] {
                          return ioctl(other.fd(), DRM_IOCTL_GEM_CLOSE, &args);
                      },
                  .errors = {}});
    }
}

TEST_F(FaultShare, InNamingADmaBuf) {
    survives({.before = [&] { make_dmabuf(); },
              .call =
                  [&] {
                      return ::ioctl(dmabuf.fd(), DMA_BUF_SET_NAME_B, "name")
                                 ? errno
                                 : 0;
                  },
              .after = [&] { drop_dmabuf(); }});
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
                      },
                  .errors = {}});
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

} // namespace
