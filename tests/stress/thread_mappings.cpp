// SPDX-License-Identifier: MIT
// What a thread does with mappings: more of them, elsewhere, with other rights,
// with holes, longer than the buffer has a handle, and in a child.
#include "stress/thread.hpp"
#include "stress/window.hpp"

#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

using support::PAGE;

namespace stress {
namespace {

constexpr std::size_t MOST_ORPHANS = 2;

// What a child ends with.
enum Child : int { WROTE = 0, SAW_ANOTHER = 1, NOT_THERE = 2 };

} // namespace

template <typename Body>
void Thread::expect_signal(Body body, const char *what) {
    const int signal = support::SignalGuard::run(body);
    if (signal != SIGSEGV)
        failed(fmt::format("{} gives signal {}", what, signal));
}

bool Thread::remap(Slot &slot) {
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    Window window(dmabuf.fd(), slot.pages() * PAGE);
    if (!window)
        return refused("mmap", {});
    if (!window.move((1 + below(slot.pages())) * PAGE))
        return refused("mremap", {});
    return some_pages(
        slot,
        [&](std::size_t page) {
            check(slot, window.page(page), page, "remap");
        },
        window.pages());
}

// A part of a mapping becomes read only, and writable again.
bool Thread::protect(Slot &slot) {
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    Window window(dmabuf.fd(), slot.pages() * PAGE);
    if (!window)
        return refused("mmap", {});
    const std::size_t first = below(slot.pages());
    const std::size_t count = 1 + below(slot.pages() - first);
    if (!window.protect(first, count, PROT_READ))
        return refused("mprotect", {});
    some_pages(slot, [&](std::size_t page) {
        check(slot, window.page(page), page, "read only");
        if (page - first < count) {
            auto *byte = reinterpret_cast<volatile char *>(window.page(page));
            expect_signal([byte] { *byte = *byte; },
                          "writing to a page that is read only");
        }
    });
    if (!window.protect(PROT_READ | PROT_WRITE))
        return refused("mprotect", {});
    return some_pages(slot, [&](std::size_t page) {
        write(slot, window.page(page), page);
    });
}

// The middle of a mapping goes; both ends stay.
bool Thread::hole(Slot &slot) {
    if (slot.pages() < 3)
        return false;
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    Window window(dmabuf.fd(), slot.pages() * PAGE);
    if (!window)
        return refused("mmap", {});
    const std::size_t first = 1 + below(slot.pages() - 2);
    const std::size_t end = first + 1 + below(slot.pages() - 1 - first);
    bool any = some_pages(slot, [&](std::size_t page) {
        check(slot, window.page(page), page, "before it has a hole");
    });
    if (!window.punch(first, end - first))
        return refused("munmap", {});
    const volatile std::byte *gone = window.page(first + below(end - first));
    expect_signal([gone] { (void)*gone; }, "reading from a hole");
    for (const std::size_t page : {below(first), first - 1, end})
        if (const auto lock = slot.lock(page)) {
            check(slot, window.page(page), page, "beside a hole");
            slot.write(window.page(page), page, totals_);
            check(slot, slot.address(page), page, "written beside a hole");
            any = true;
        }
    return any;
}

bool Thread::outlive(Slot &slot) {
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    Window window(dmabuf.fd(), slot.pages() * PAGE);
    if (!window)
        return refused("mmap", {});
    compare_all_frames(slot);
    orphans_.emplace_back(std::move(window), slot);
    drop(slot);
    return true;
}

void Thread::check_orphans() {
    for (const Orphan &orphan : orphans_)
        if (below(4) == 0)
            orphan.check(below(orphan.pages()), report_, totals_);
    while (!orphans_.empty() && (orphans_.size() > MOST_ORPHANS ||
                                 orphans_.front().is_old()))
        drop_orphan();
}

void Thread::drop_orphan() {
    const Orphan last = std::move(orphans_.front());
    orphans_.pop_front();
    last.check_all(report_, totals_);
}

// The child of a process with threads may call little, so it only touches the
// page.
bool Thread::fork(Slot &slot) {
    const std::size_t page = below(slot.pages());
    const auto lock = slot.lock(page);
    if (!lock)
        return false;
    struct {
        std::byte *at;
        Stamp now, next;
    } job{slot.address(page), slot.stamp(page), slot.stamp(page)};
    ++job.next.version;
    const pid_t child = ::fork();
    if (child < 0)
        return refused("fork", {});
    if (child == 0) {
        const int signal = support::SignalGuard::run([&job] {
            if (first_wrong_word(job.at, job.now) != INTACT)
                ::_exit(SAW_ANOTHER);
            write_stamp(job.at, job.next);
        });
        // Any but SIGBUS is its end, and ours to report.
        if (signal && signal != SIGBUS)
            ::raise(signal);
        ::_exit(signal ? NOT_THERE : WROTE);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE) {
        ++totals_.refused[static_cast<std::size_t>(op_)];
        slot.written(page, false);
        refused(Unreachable{.signal = SIGBUS,
                            .expected = job.now,
                            .resident = false},
                child);
        return false;
    }
    // By the OOM killer: nobody knows how much of the page it had written.
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        if (!excuses_.was_killed(child))
            failed(fmt::format("child {} was killed, and not by the OOM killer",
                               child));
        slot.written(page, false);
        write(slot, slot.address(page), page);
    } else if (status == 0) {
        slot.written(page, true);
    } else {
        failed(fmt::format("a child saw another page or died: status {:#x}, "
                           "buffer {} page {}",
                           status, slot.number, page));
    }
    check(slot, slot.address(page), page, "after a child wrote");
    return true;
}

} // namespace stress
