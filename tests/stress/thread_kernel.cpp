// SPDX-License-Identifier: MIT
// What a thread lets the kernel do with the pages of a buffer: by references of
// its own, and by other devices.
#include "stress/cpu_access.hpp"
#include "stress/thread.hpp"
#include "support/test_importer.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <mutex>
#include <optional>
#include <string>
#include <sys/uio.h>
#include <system_error>
#include <thread>
#include <unistd.h>

using support::PAGE;

namespace stress {
namespace {

constexpr std::chrono::seconds ATTACH_PATIENCE{10};

} // namespace

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
        return has_pages_ ? cut_short("process_vm_readv", got, {})
                          : cut_short("process_vm_readv", got, {EFAULT});
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
        has_pages_ ? cut_short("direct write", got, {})
                   : cut_short("direct write", got, {EFAULT});
    } else if ((got = ::pread(disk_.get(), copy_.data(), PAGE, at)) != all ||
               (got = ::pread(disk_.get(), slot.address(page), PAGE, at)) !=
                   all) {
        cut_short("direct read", got, {});
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
    const std::size_t kind = below(IMPORTERS.size());
    const auto importer = import(slot, kind);
    if (!importer)
        return false;
    const bool fence = below(2);
    if (fence && (errno = (*importer)("fence")))
        return refused("fence of an importer", {});
    // Which would wait for the fence.
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    std::optional<CpuAccess> access;
    if (!fence && !access.emplace(dmabuf.fd(), DMA_BUF_SYNC_RW))
        return refused("start of the CPU's access", {});
    // It sees what is written from now on, too.
    for (std::size_t i = below(4); i; --i) {
        const std::size_t page = below(slot.pages());
        if (const auto lock = slot.lock(page)) // not in a pipe
            write(slot, slot.address(page), page);
    }
    std::uint64_t sum = 0;
    for (std::size_t page = 0; page < slot.pages(); ++page) {
        std::uint64_t word = 0;
        touch(slot.stamp(page),
              [&] { std::memcpy(&word, slot.address(page), sizeof word); });
        sum += word;
    }
    if (access && !access->end())
        return refused("end of the CPU's access", {});
    const auto seen = importer->get_all();
    if (!seen.at("mapped") || seen.at("stale"))
        return true;
    if (seen.at("sum") == sum)
        ++totals_.imported[kind];
    else
        failed(fmt::format("buffer {}: an importer sees other pages",
                           slot.number));
    return true;
}

// As attach(), but others use the buffer meanwhile: access and mappings of the same
// buffer begin and end at once, and nobody knows what a device should see.
bool Thread::cpu_access(Slot &slot) {
    if (totals_.calm)
        return false;
    std::optional<support::TestImporter> importer;
    Counted attached;
    if (below(2)) {
        importer = import(slot, below(IMPORTERS.size()));
        if (!importer)
            return false;
        attached = count(slot.importers);
    }
    static constexpr std::array<std::uint64_t, 3> ACCESSES{
        DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW};
    const std::uint64_t what = ACCESSES.at(below(ACCESSES.size()));
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    CpuAccess access(dmabuf.fd(), what);
    if (!access)
        return refused("start of the CPU's access", {});
    const bool any = some_pages(slot, [&](std::size_t page) {
        check(slot, slot.address(page), page, "CPU's access");
        if (what & DMA_BUF_SYNC_WRITE)
            slot.write(slot.address(page), page, totals_);
    });
    return access.end() ? any : refused("end of the CPU's access", {});
}

std::optional<support::TestImporter> Thread::import(Slot &slot,
                                                    std::size_t kind) {
    std::optional<support::TestImporter> opened;
    try {
        opened.emplace();
    } catch (const std::system_error &error) {
        errno = error.code().value();
        refused("open of an importer", {});
        return {};
    }
    if (!attach_and_map(slot, *opened, kind))
        opened.reset();
    return opened;
}

// Who pins for long may need other pages, so nobody may hold those that there
// are. Compaction does for a moment, and the driver does not wait long for it.
bool Thread::attach_and_map(Slot &slot,
                            const support::TestImporter &importer,
                            std::size_t kind) {
    using clock = std::chrono::steady_clock;
    const bool pins = kind == 0 || importer.get("core_pins");
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    const std::string attach =
        fmt::format("attach {} {}", dmabuf.fd(), IMPORTERS[kind]);
    const auto end = clock::now() + ATTACH_PATIENCE;
    for (;;) {
        int error = importer(attach);
        if (!error)
            error = importer("map");
        if (!error)
            return true;
        // dma-buf says ENOMEM for a page that somebody holds.
        const bool busy = pins && (error == EBUSY || error == ENOMEM);
        bool excused = busy;
        if (busy) {
            const std::scoped_lock lock(slot.held_lock);
            excused = slot.is_held() || totals_.calm || totals_.stop;
        }
        if (excused || !busy || clock::now() >= end ||
            (error == ENOMEM && excuses_.memory_was_short())) {
            errno = error;
            return excused ? refused("attachment", {EBUSY, ENOMEM})
                           : refused("attachment", {});
        }
        importer("detach");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

} // namespace stress
