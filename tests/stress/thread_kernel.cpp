// SPDX-License-Identifier: MIT
// What a thread lets the kernel do with the pages of a buffer: by references of
// its own, and by other devices.
#include "stress/thread.hpp"

#include "support/test_importer.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <sys/uio.h>
#include <system_error>
#include <unistd.h>

using support::PAGE;

namespace stress {

bool Thread::vm_readv(Slot &slot) {
    const std::size_t page = below(slot.pages());
    const auto lock = slot.lock(page);
    if (!lock)
        return false;
    const iovec to{copy_.data(), PAGE};
    const iovec from{slot.address(page), PAGE};
    const auto all = static_cast<ssize_t>(PAGE);
    const ssize_t got = ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
    if (got != all)
        return has_pages_
                   ? cut_short("process_vm_readv", got, slot.stamp(page), {})
                   : cut_short("process_vm_readv", got, slot.stamp(page),
                               {EFAULT});
    check_copy(slot, page, "process_vm_readv");
    return true;
}

// To the disk, back into other memory, and back into the buffer itself.
bool Thread::direct_io(Slot &slot) {
    const std::size_t page = below(slot.pages());
    const auto lock = slot.lock(page);
    if (!lock)
        return false;
    // A part of the disk that nobody else has; the lock goes with the process.
    const off_t at = static_cast<off_t>(below(DISK_PAGES) * PAGE);
    flock part{};
    part.l_type = F_WRLCK;
    part.l_start = at;
    part.l_len = PAGE;
    if (::fcntl(disk_.get(), F_OFD_SETLK, &part))
        return refused("lock of the disk", {EAGAIN, EACCES});
    bool done = false;
    const auto all = static_cast<ssize_t>(PAGE);
    ssize_t got = ::pwrite(disk_.get(), slot.address(page), PAGE, at);
    if (got != all) {
        has_pages_ ? cut_short("direct write", got, slot.stamp(page), {})
                   : cut_short("direct write", got, slot.stamp(page), {EFAULT});
    } else if ((got = ::pread(disk_.get(), copy_.data(), PAGE, at)) != all ||
               (got = ::pread(disk_.get(), slot.address(page), PAGE, at)) !=
                   all) {
        cut_short("direct read", got, slot.stamp(page), {});
    } else {
        done = true;
    }
    part.l_type = F_UNLCK;
    ::fcntl(disk_.get(), F_OFD_SETLK, &part);
    if (done) {
        check_copy(slot, page, "O_DIRECT write");
        check(slot, slot.address(page), page, "O_DIRECT read");
    }
    return done;
}

// Another device maps the buffer, has a fence in it, and sees what we see:
// nobody else writes meanwhile. Unless the buffer moves: then a device has
// unmapped it, or keeps a stale mapping, of which there is no sum.
bool Thread::attach(Slot &slot) {
    if (totals_.calm)
        return false;
    static constexpr std::array KINDS{"static", "told", "lazy"};
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    std::optional<support::TestImporter> attached;
    try {
        attached.emplace(dmabuf.fd(), KINDS[below(KINDS.size())]);
        errno = (*attached)("map");
    } catch (const std::system_error &error) {
        errno = error.code().value();
    }
    // Busy: its pages must be replaced first, and somebody has one of them now.
    if (errno)
        // Most kinds pin for long, and dma-buf hears ENOMEM for a page in use.
        return refused("attachment", {EBUSY, ENOMEM});
    const support::TestImporter &importer = *attached;
    if (below(2) && (errno = importer("fence")))
        return refused("fence of an importer", {});
    std::uint64_t sum = 0;
    for (std::size_t page = 0; page < slot.pages(); ++page) {
        std::uint64_t word = 0;
        touch(slot.stamp(page),
              [&] { std::memcpy(&word, slot.address(page), sizeof word); });
        sum += word;
    }
    const auto seen = importer.get_all();
    if (seen.at("mapped") && !seen.at("stale") && seen.at("sum") != sum)
        failed(fmt::format("buffer {}: an importer sees other pages",
                           slot.number));
    return true;
}

} // namespace stress
