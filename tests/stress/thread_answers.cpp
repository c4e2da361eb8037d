// SPDX-License-Identifier: MIT
// What a thread makes of an operation that did not succeed.
#include "stress/thread.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace stress {

void Thread::failed(const std::string &what) {
    report_.failed(
        fmt::format("{}: {}", OP_NAMES[static_cast<std::size_t>(op_)], what));
}

void Thread::count_excused(int error) {
    const auto i = static_cast<std::size_t>(op_);
    totals_.no_memory[i] += error == ENOMEM;
    totals_.busy[i] += error == EBUSY;
}

void Thread::refused(const gpumem::Error &error) {
    const int code = error.code().value();
    if ((code == ENOMEM && excuses_.memory_was_short()) ||
        (code == EBUSY && op_ == Op::pin && held_) ||
        (code == ENODEV && excuses_.device_is_gone()))
        count_excused(code);
    else
        failed(error.what());
}

void Thread::refused(const Unreachable &page, pid_t thread) {
    if (page.signal == SIGBUS && excuses_.device_is_gone())
        return;
    const std::string what =
        fmt::format("signal {} at buffer {} page {}", page.signal,
                    page.expected.buffer, page.expected.page);
    // No memory is needed for a page that is there; what was written need not
    // be, as it may be compressed.
    if (page.signal != SIGBUS || page.resident)
        failed(fmt::format("{}, which is in version {}{}", what,
                           page.expected.version,
                           page.resident ? " and pinned" : ""));
    else if (const auto wrong = excuses_.page_was_refused(thread);
             !wrong.empty())
        failed(fmt::format("{}, thread {}: {}", what, thread, wrong));
    else
        count_excused(ENOMEM);
}

bool Thread::refused(const char *call, std::initializer_list<int> expected) {
    const int error = errno;
    ++totals_.refused[static_cast<std::size_t>(op_)];
    if (std::ranges::find(expected, error) != expected.end() ||
        (error == ENOMEM && excuses_.memory_was_short()) ||
        (error == ENODEV && excuses_.device_is_gone())) {
        count_excused(error);
        return false;
    }
    failed(fmt::format("{}: {}", call, std::strerror(error)));
    return false;
}

bool Thread::cut_short(const char *call, ssize_t got,
                       std::initializer_list<int> expected) {
    const int error = got < 0 ? errno : EIO; // EIO: a part of a page
    const bool any_page = std::ranges::find(expected, EFAULT) != expected.end();
    // Looking for the driver's word takes time, where it is not needed too.
    if (error != EFAULT || any_page) {
        errno = error;
        return refused(call, expected);
    }
    ++totals_.refused[static_cast<std::size_t>(op_)];
    if (excuses_.device_is_gone())
        return false;
    if (const auto wrong = excuses_.page_was_refused(::gettid());
        !wrong.empty())
        failed(fmt::format("{}: {}: {}", call, std::strerror(error), wrong));
    else
        count_excused(ENOMEM);
    return false;
}

} // namespace stress
