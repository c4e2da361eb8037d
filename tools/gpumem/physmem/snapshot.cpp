// SPDX-License-Identifier: MIT
#include "physmem/snapshot.hpp"

#include "error.hpp"
#include "files.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace tool {
namespace {

std::vector<std::uint64_t> read_kpageflags(const pfn_range &range) {
    const std::string path = "/proc/kpageflags";
    std::vector<std::uint64_t> flags(range.end - range.first);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        throw errno_failure(path, errno);
    auto *at = reinterpret_cast<char *>(flags.data());
    std::size_t left = flags.size() * sizeof(std::uint64_t);
    auto offset = static_cast<off_t>(range.first * sizeof(std::uint64_t));
    while (left > 0) {
        const ssize_t n = ::pread(fd, at, left, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            const int err = n < 0 ? errno : EIO;
            ::close(fd);
            throw errno_failure(path, err);
        }
        at += n;
        offset += n;
        left -= static_cast<std::size_t>(n);
    }
    ::close(fd);
    return flags;
}

bool is_free(page_class c) {
    return c == page_class::free_crumb || c == page_class::free_block;
}

} // namespace

snapshot::snapshot(const std::vector<pfn_range> &ram,
                   const flags_reader &flags,
                   std::span<const bo_run> bo_pages) {
    for (const pfn_range &r : ram)
        for (std::uint64_t b = r.first / pages_per_block;
             b <= (r.end - 1) / pages_per_block; ++b)
            if (first_pfn_.empty() ||
                first_pfn_.back() < b * pages_per_block)
                first_pfn_.push_back(b * pages_per_block);
    pages_.assign(first_pfn_.size() * pages_per_block, page_class::absent);

    for (const pfn_range &r : ram) {
        const std::vector<std::uint64_t> values = flags(r);
        for (std::uint64_t i = 0; i < values.size(); ++i)
            *find(r.first + i) = classify_flags(values[i]);
    }
    for (const bo_run &run : bo_pages)
        for (std::uint64_t i = 0; i < run.count; ++i)
            if (page_class *p = find(run.first_pfn + i))
                *p = run.state;
    for (std::size_t b = 0; b < blocks(); ++b) {
        const auto block = std::span(pages_).subspan(b * pages_per_block,
                                                     pages_per_block);
        if (std::all_of(block.begin(), block.end(), is_free))
            std::fill(block.begin(), block.end(), page_class::free_block);
    }
}

page_class *snapshot::find(std::uint64_t pfn) {
    const std::uint64_t base = pfn / pages_per_block * pages_per_block;
    const auto it =
        std::lower_bound(first_pfn_.begin(), first_pfn_.end(), base);
    if (it == first_pfn_.end() || *it != base)
        return nullptr;
    const auto block = static_cast<std::size_t>(it - first_pfn_.begin());
    return &pages_[block * pages_per_block + pfn - base];
}

snapshot snapshot::of_this_machine() {
    if (::geteuid() != 0)
        throw failure("only root may look at physical memory");
    const auto ram = parse_iomem(read_text("/proc/iomem"));
    // Absent where the module is not loaded or debugfs not mounted.
    const auto pages =
        read_text_if_there("/sys/kernel/debug/gpumem/pages").value_or("");
    return snapshot(ram, read_kpageflags, parse_bo_pages(pages));
}

class_counts snapshot::counts() const {
    class_counts counts{};
    for (page_class c : pages_)
        ++counts[static_cast<std::size_t>(c)];
    return counts;
}

} // namespace tool
