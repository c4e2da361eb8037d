// SPDX-License-Identifier: MIT
#include "fuzz/guard.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <new>
#include <stdexcept>
#include <thread>

namespace fuzz {
namespace {

// On a debug kernel an input may take seconds.
constexpr std::chrono::seconds VERY_LONG{120};
constexpr std::chrono::milliseconds GLANCE{200};

} // namespace

Running &Running::shared() {
    void *at = ::mmap(nullptr, sizeof(Running), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        throw std::bad_alloc();
    return *new (at) Running;
}

void Running::begin(std::span<const std::uint8_t> bytes) {
    const std::size_t size = std::min(bytes.size(), MAX_BYTES);
    std::ranges::copy(bytes.first(size), bytes_.begin());
    size_ = size;
    ++begun_;
}

void Running::save(const std::string &path) const {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char *>(bytes_.data()),
              static_cast<std::streamsize>(size_.load()));
    out.flush();
    fmt::print(stderr, "gpumem-fuzz: {} {}\n",
               out ? "the input is saved as" : "the input cannot be saved as",
               path);
}

int guarded(const Running &running, const std::string &path,
            const std::function<int()> &body) {
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
            running.save(path);
            since = clock::time_point::max() - VERY_LONG; // once
        }
    }
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    fmt::print(stderr, "gpumem-fuzz: signal {} ended it\n", WTERMSIG(status));
    running.save(path);
    return 1;
}

} // namespace fuzz
