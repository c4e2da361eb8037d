// SPDX-License-Identifier: MIT
#include "system.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

namespace gpumem::internal {
namespace {

int errno_of(int ret) { return ret < 0 ? -errno : ret; }

class Kernel final : public System {
public:
    int open(const char *path) override {
        return errno_of(::open(path, O_RDWR | O_CLOEXEC));
    }

    int duplicate(int fd) override {
        return errno_of(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    }

    void close(int fd) override { ::close(fd); }

    int ioctl(int fd, unsigned long request, void *arg) override {
        return errno_of(::ioctl(fd, request, arg));
    }

    int map(int fd, std::size_t size, std::uint64_t offset,
            void **out) override {
        void *addr = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                            fd, static_cast<off_t>(offset));
        if (addr == MAP_FAILED)
            return -errno;
        *out = addr;
        return 0;
    }

    void unmap(void *addr, std::size_t size) override { ::munmap(addr, size); }

    // drmGetDevices2() leaves out devices on buses that it does not know.
    std::vector<std::string> render_nodes() override {
        constexpr std::string_view prefix = DRM_RENDER_MINOR_NAME;
        std::vector<std::pair<unsigned, std::string>> found;
        std::error_code error;
        for (const auto &entry :
             std::filesystem::directory_iterator(DRM_DIR_NAME, error)) {
            const std::string name = entry.path().filename();
            unsigned number = 0;
            if (!name.starts_with(prefix))
                continue;
            const char *end = name.data() + name.size();
            const auto parsed =
                std::from_chars(name.data() + prefix.size(), end, number);
            if (parsed.ec == std::errc{} && parsed.ptr == end)
                found.emplace_back(number, entry.path());
        }
        std::sort(found.begin(), found.end());

        std::vector<std::string> paths;
        paths.reserve(found.size());
        for (auto &[number, path] : found)
            paths.push_back(std::move(path));
        return paths;
    }

    std::string driver_name(int fd) override {
        const std::unique_ptr<drmVersion, decltype(&drmFreeVersion)> version(
            drmGetVersion(fd), &drmFreeVersion);
        if (!version || version->name_len <= 0)
            return {};
        return {version->name, static_cast<std::size_t>(version->name_len)};
    }
};

Kernel kernel;
System *current = &kernel;

} // namespace

System &current_system() { return *current; }

void replace_system(System *replacement) {
    current = replacement ? replacement : &kernel;
}

int restart_ioctl(System &sys, int fd, unsigned long request, void *arg) {
    int ret = 0;
    do {
        ret = sys.ioctl(fd, request, arg);
    } while (ret == -EINTR || ret == -EAGAIN);
    return ret < 0 ? ret : 0;
}

} // namespace gpumem::internal
