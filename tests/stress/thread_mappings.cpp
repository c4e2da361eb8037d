// SPDX-License-Identifier: MIT
// What a thread does with mappings: more of them, elsewhere, with other rights, in
// a child.
#include "stress/thread.hpp"
#include "stress/window.hpp"

#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using support::PAGE;

namespace stress {

bool Thread::remap(Slot &slot) {
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    Window window(dmabuf.fd(), slot.pages() * PAGE);
    if (!window)
        return refused("mmap", {});
    if (!window.move((1 + below(slot.pages())) * PAGE))
        return refused("mremap", {});
    return some_pages(slot, [&](std::size_t page) {
        check(slot, window.page(page), page, "remap");
    }, window.pages());
}

bool Thread::protect(Slot &slot) {
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    Window window(dmabuf.fd(), slot.pages() * PAGE);
    if (!window)
        return refused("mmap", {});
    if (!window.protect(PROT_READ))
        return refused("mprotect", {});
    some_pages(slot, [&](std::size_t page) {
        check(slot, window.page(page), page, "read only");
    });
    if (!window.protect(PROT_READ | PROT_WRITE))
        return refused("mprotect", {});
    return some_pages(slot, [&](std::size_t page) {
        ++slot.versions[page];
        write_stamp(window.page(page), slot.stamp(page));
        ++totals_.pages_written;
    });
}

// The child of a process with threads may call little, so it only touches the
// page.
bool Thread::fork(Slot &slot) {
    const std::size_t page = below(slot.pages());
    const auto lock = slot.lock(page);
    if (!lock)
        return false;
    Stamp stamp = slot.stamp(page);
    const pid_t child = ::fork();
    if (child < 0)
        return refused("fork", {EAGAIN});
    if (child == 0) {
        if (first_wrong_word(slot.address(page), stamp) != INTACT)
            ::_exit(1);
        ++stamp.version;
        write_stamp(slot.address(page), stamp);
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    // By the OOM killer: nobody knows how much of the page it had written.
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        ++slot.versions[page];
        write_stamp(slot.address(page), slot.stamp(page));
    } else if (status == 0) {
        ++slot.versions[page];
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS &&
               (short_of_memory() || totals_.gone)) {
        return false; // there was no memory for the page, or no device
    } else {
        report_.failed(fmt::format("a child saw another page or died: status "
                                   "{:#x}, buffer {} page {}",
                                   status, stamp.buffer, page));
    }
    check(slot, slot.address(page), page, "after a child wrote");
    return true;
}

} // namespace stress
