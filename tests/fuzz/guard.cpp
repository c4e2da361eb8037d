// SPDX-License-Identifier: MIT
#include "fuzz/guard.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>

namespace fuzz {
namespace {

// On a debug kernel an input may take seconds.
constexpr std::chrono::seconds VERY_LONG{120};
constexpr std::chrono::milliseconds GLANCE{200};

} // namespace

Running::Running(std::string path)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                   0644)) {
    // Only what is the host's outlives the guest, and takes writes of any size past
    // the caches.
    struct statfs where {};
    if (file_ && ::fstatfs(file_.get(), &where) == 0 &&
        where.f_type == V9FS_MAGIC)
        file_.reset(::open(path_.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
    if (!file_)
        throw std::runtime_error("cannot write " + path_);
    void *at = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        throw std::bad_alloc();
    shared_ = new (at) Shared;
}

Running::~Running() {
    ::munmap(shared_, sizeof(Shared));
}

void Running::begin(std::span<const std::uint8_t> bytes) {
    bytes = bytes.first(std::min(bytes.size(), MAX_BYTES));
    std::ranges::fill(std::ranges::copy(bytes, bytes_.begin()).out,
                      bytes_.end(), std::uint8_t{});
    longest_ = std::max(longest_, bytes.size());
    if (::pwrite(file_.get(), bytes_.data(), longest_, 0) !=
        static_cast<ssize_t>(longest_))
        throw std::runtime_error("cannot write " + path_);
    shared_->size = bytes.size();
    ++shared_->begun;
}

void Running::tell() const {
    const bool cut =
        ::truncate(path_.c_str(), static_cast<off_t>(shared_->size)) == 0;
    fmt::print(stderr, "gpumem-fuzz: the input is {}{}\n", path_,
               cut ? "" : " and perhaps longer than it was");
}

void Running::remove() const {
    ::unlink(path_.c_str());
}

int guarded(const Running &running, const std::function<int()> &body) {
    using clock = std::chrono::steady_clock;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0)
        throw std::runtime_error("cannot fork");
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::exit(body());
    }
    std::uint64_t seen = 0;
    auto since = clock::now();
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        std::this_thread::sleep_for(GLANCE);
        if (running.begun() != seen) {
            seen = running.begun();
            since = clock::now();
        } else if (clock::now() - since > VERY_LONG) {
            fmt::print(stderr, "gpumem-fuzz: an input does not end\n");
            running.tell();
            since = clock::time_point::max() - VERY_LONG; // once
        }
    }
    if (!WIFSIGNALED(status)) {
        running.remove();
        return WEXITSTATUS(status);
    }
    fmt::print(stderr, "gpumem-fuzz: signal {} ended it\n", WTERMSIG(status));
    running.tell();
    return 1;
}

} // namespace fuzz
