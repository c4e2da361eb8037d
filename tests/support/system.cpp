// SPDX-License-Identifier: MIT
#include "support/system.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace support {

std::string read_file(const std::string &path) {
    std::ifstream in(path);
    if (!in)
        throw std::runtime_error("cannot open " + path);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string &path, const std::string &text) {
    std::ofstream out(path);
    out << text << std::flush;
    if (!out)
        throw std::runtime_error("cannot write " + path);
}

int write_errno(const std::string &path, const std::string &text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const int result =
        ::write(fd, text.data(), text.size()) < 0 ? errno : 0;
    ::close(fd);
    return result;
}

void load_test_module(const std::string &name) {
    if (std::filesystem::exists("/sys/module/" + name))
        return;
    const char *directory = std::getenv("GPUMEM_TEST_MODULES");
    if (!directory)
        throw std::runtime_error("GPUMEM_TEST_MODULES is not set");
    const std::string path = std::string(directory) + "/" + name + ".ko";
    if (shell("insmod '" + path + "'"))
        throw std::runtime_error("cannot load " + path);
}

std::uint64_t value_of(const std::string &path, const std::string &key) {
    std::istringstream lines(read_file(path));
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string word;
        std::uint64_t value = 0;
        if (words >> word >> value && word == key)
            return value;
    }
    throw std::runtime_error(path + " has no " + key);
}

std::uint64_t all_memory() {
    return value_of("/proc/meminfo", "MemTotal:") * 1024;
}

std::uint64_t available_memory() {
    return value_of("/proc/meminfo", "MemAvailable:") * 1024;
}

void drain_lru_batches() {
    // A request to move no page: the kernel empties the batches before it looks.
    const void *pages = nullptr;
    const int nodes = 0;
    int status = 0;
    if (::syscall(SYS_move_pages, 0, 0, &pages, &nodes, &status, 0))
        throw std::system_error(errno, std::generic_category(), "move_pages");
}

void compact_memory() { write_file("/proc/sys/vm/compact_memory", "1"); }

int soft_offline(std::uint64_t frame) {
    return write_errno("/sys/devices/system/memory/soft_offline_page",
                       std::to_string(frame * PAGE));
}

int open_drm(const std::string &driver, const std::string &node) {
    for (const auto &entry : std::filesystem::directory_iterator("/dev/dri")) {
        if (!entry.path().filename().string().starts_with(node))
            continue;
        const int fd = ::open(entry.path().c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        const std::unique_ptr<drmVersion, decltype(&drmFreeVersion)> version(
            drmGetVersion(fd), &drmFreeVersion);
        if (version && driver == version->name)
            return fd;
        ::close(fd);
    }
    return -1;
}

std::string fdinfo_memory(int fd, const std::string &key) {
    const std::string info =
        read_file("/proc/self/fdinfo/" + std::to_string(fd));
    const std::string start = "drm-" + key + "-memory:\t";
    const auto at = info.find(start);
    if (at == std::string::npos)
        return "0";
    const auto value = at + start.size();
    return info.substr(value, info.find('\n', value) - value);
}

pid_t start_child(const std::function<int()> &body) {
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            ::_exit(body());
        } catch (const std::exception &error) {
            std::fprintf(stderr, "a child: %s\n", error.what());
        } catch (...) {
            std::fputs("a child: an exception\n", stderr);
        }
        ::_exit(CHILD_THREW); // and never go on in the parent's stead
    }
    if (child < 0)
        throw std::runtime_error("cannot fork");
    return child;
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int in_child(const std::function<int()> &body) {
    return wait_for(start_child(body));
}

bool kernel_is_at_least(int major, int minor) {
    std::istringstream words(read_file("/proc/sys/kernel/osrelease"));
    int running_major = 0, running_minor = 0;
    char dot = 0;
    words >> running_major >> dot >> running_minor;
    return std::pair(running_major, running_minor) >= std::pair(major, minor);
}

bool is_in_zone_movable(std::uint64_t frame) {
    // Where the zone was at first: a block that goes offline leaves it.
    static const auto ranges = [] {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
        std::istringstream lines(read_file("/proc/zoneinfo"));
        bool movable = false;
        std::uint64_t spanned = 0;
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::string key;
            words >> key;
            if (key == "Node")
                movable = line.find(" Movable") != std::string::npos;
            else if (movable && key == "spanned")
                words >> spanned;
            else if (std::uint64_t first = 0;
                     movable && key == "start_pfn:" && words >> first)
                found.emplace_back(first, spanned);
        }
        return found;
    }();
    for (const auto &[first, count] : ranges)
        if (frame >= first && frame < first + count)
            return true;
    return false;
}

int shell(const std::string &command) {
    const int status = std::system(("(" + command + ") >/dev/null 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool read_gives_sigbus(const volatile std::byte *byte) {
    const int status = in_child([&] {
        (void)*byte;
        return 0;
    });
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

} // namespace support
