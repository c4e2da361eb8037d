// SPDX-License-Identifier: MIT
#include "fuzz/kcov.hpp"

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace fuzz {
namespace {

// One call that fills some megabytes runs through this many places.
constexpr std::size_t WORDS = 1 << 18;

} // namespace

Kcov::Kcov() : fd_(::open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC)) {
    if (!fd_)
        return;
    ours_ = module_code();
    if (::ioctl(fd_.get(), KCOV_INIT_TRACE, WORDS))
        throw std::runtime_error("KCOV_INIT_TRACE is refused");
    void *at = ::mmap(nullptr, WORDS * sizeof(*buffer_), PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd_.get(), 0);
    if (at == MAP_FAILED || ::ioctl(fd_.get(), KCOV_ENABLE, KCOV_TRACE_PC))
        throw std::runtime_error("KCOV cannot be enabled");
    buffer_ = static_cast<std::uint64_t *>(at);
}

Kcov::~Kcov() {
    if (!buffer_)
        return;
    ::ioctl(fd_.get(), KCOV_DISABLE, 0);
    ::munmap(buffer_, WORDS * sizeof(*buffer_));
}

void Kcov::restart() {
    if (buffer_)
        std::atomic_ref(buffer_[0]).store(0, std::memory_order_relaxed);
}

std::size_t Kcov::seen() const {
    return buffer_ ? std::atomic_ref(buffer_[0]).load(std::memory_order_relaxed)
                   : 0;
}

std::vector<Kcov::Range> Kcov::module_code() {
    std::map<std::string, Range> found;
    std::ifstream symbols("/proc/kallsyms");
    for (std::string line; std::getline(symbols, line);) {
        if (!line.ends_with("[gpumem]") && !line.ends_with("[gpumem_helper]"))
            continue;
        std::istringstream words(line);
        std::uint64_t address = 0;
        std::string type, name, module;
        words >> std::hex >> address >> type >> name >> module;
        // Init code is gone, and its place may be another module's.
        if ((type != "t" && type != "T") || name == "init_module")
            continue;
        Range &range =
            found.try_emplace(module, address, address).first->second;
        range.begin = std::min(range.begin, address);
        range.end = std::max(range.end, (address | 4095) + 1);
    }
    std::vector<Range> ranges;
    for (const auto &[module, range] : found)
        ranges.push_back(range);
    if (ranges.empty())
        throw std::runtime_error("/proc/kallsyms shows no code of gpumem");
    return ranges;
}

} // namespace fuzz
