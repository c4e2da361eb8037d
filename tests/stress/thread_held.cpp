// SPDX-License-Identifier: MIT
// Pins, whose pages stay where they are, and pages in pipes, which stay what
// they are.
#include "stress/thread.hpp"

#include "support/debugfs.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <mutex>
#include <shared_mutex>
#include <sys/uio.h>
#include <thread>
#include <unistd.h>

using support::PAGE;

namespace stress {
namespace {

constexpr std::size_t MOST_PINS = 8;
constexpr std::size_t MOST_PIPES = 4;
constexpr std::chrono::seconds LONG_PIN_PATIENCE{10};

} // namespace

bool Thread::pin(Slot &slot) {
    if (totals_.calm)
        return false;
    Pinned made{.pin = below(4) ? slot.bo.pin(gpumem::PinFor::now)
                                : pin_for_long(slot),
                .frames = frames_of(slot, true)};
    const std::scoped_lock lock(slot.held_lock);
    if (slot.pins.size() < MOST_PINS)
        slot.pins.push_back(std::move(made));
    else
        compare_frames(slot, made);
    return true;
}

// Beside a short pin, or with a page in a pipe, it cannot be had. Others use a
// page for a moment only, and the driver does not wait long for them.
gpumem::Pin Thread::pin_for_long(Slot &slot) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + LONG_PIN_PATIENCE;
    for (;;) {
        try {
            gpumem::Pin pin = slot.bo.pin(gpumem::PinFor::long_time);
            ++totals_.long_pins;
            return pin;
        } catch (const gpumem::Error &error) {
            if (error.code().value() != EBUSY)
                throw;
            {
                const std::scoped_lock lock(slot.held_lock);
                held_ = slot.is_held() || totals_.calm || totals_.stop;
            }
            if (held_ || clock::now() >= end)
                throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

bool Thread::unpin(Slot &slot) {
    const std::scoped_lock lock(slot.held_lock);
    if (slot.pins.empty())
        return false;
    compare_frames(slot, slot.pins.back());
    slot.pins.pop_back();
    return true;
}

// By the mapping, or seldom, because it lists all buffers, by the driver where
// mappings do not show it. @touched: sees to it that all pages are mapped.
std::vector<std::uint64_t> Thread::frames_of(const Slot &slot, bool touched) {
    if (!has_pages_)
        return below(16) ? std::vector<std::uint64_t>{}
                         : support::page_frames(slot.object());
    for (std::size_t page = 0; touched && page < slot.pages(); ++page) {
        const volatile std::byte *at = slot.address(page);
        const Stamp which{.buffer = slot.number,
                          .page = static_cast<std::uint32_t>(page)};
        touch(
            which, [at] { (void)*at; }, true);
    }
    return support::pagemap_frames(slot.address(0), slot.pages());
}

void Thread::compare_frames(const Slot &slot, const Pinned &pinned) {
    if (pinned.frames.empty())
        return;
    // A page that the kernel is about to move, and may not, shows no frame.
    const auto now = has_pages_ ? frames_of(slot, false)
                                : support::page_frames(slot.object());
    const std::size_t pages = std::min(now.size(), pinned.frames.size());
    for (std::size_t page = 0; page < pages; ++page) {
        if (!now[page] || !pinned.frames[page])
            continue;
        if (now[page] != pinned.frames[page]) {
            report_.moved(slot.stamp(page), pinned.frames[page], now[page],
                          slot.object());
            return;
        }
        ++totals_.frames_compared;
    }
}

void Thread::compare_all_frames(const Slot &slot) {
    for (const Pinned &pinned : slot.pins)
        compare_frames(slot, pinned);
}

bool Thread::vmsplice(Slot &slot) {
    const std::size_t page = below(slot.pages());
    auto lock = slot.lock(page);
    if (!lock || totals_.calm)
        return false;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC))
        return refused("pipe", {});
    InPipe pipe{.counted = count(totals_.in_pipes[options_.place]),
                .out = gpumem::UniqueFd(ends[0]),
                .stamp = slot.stamp(page),
                .since = std::chrono::steady_clock::now()};
    const gpumem::UniqueFd in(ends[1]);
    const iovec from{slot.address(page), PAGE};
    const ssize_t got = ::vmsplice(in.get(), &from, 1, 0);
    if (got != static_cast<ssize_t>(PAGE))
        return has_pages_ ? cut_short("vmsplice", got, {})
                          : cut_short("vmsplice", got, {EFAULT});
    const std::scoped_lock held(slot.held_lock);
    if (slot.pipes.size() >= MOST_PIPES) {
        read_pipe(pipe, &slot);
        return true;
    }
    slot.pipes.push_back(std::move(pipe));
    lock.keep();
    return true;
}

bool Thread::from_pipe(Slot &slot) {
    return empty_pipes(slot,
                       std::chrono::milliseconds(below(2) ? 0 : below(1000)));
}

bool Thread::empty_pipes(Slot &slot, std::chrono::milliseconds age) {
    const std::unique_lock lock(slot.held_lock, std::try_to_lock);
    if (!lock)
        return false;
    const auto now = std::chrono::steady_clock::now();
    return std::erase_if(slot.pipes, [&](const InPipe &pipe) {
        if (now - pipe.since < age)
            return false;
        read_pipe(pipe, &slot);
        slot.unlock(pipe.stamp.page);
        return true;
    });
}

void Thread::read_pipe(const InPipe &pipe, const Slot *slot) {
    const ssize_t got = ::read(pipe.out.get(), copy_.data(), PAGE);
    if (got != static_cast<ssize_t>(PAGE)) {
        errno = got < 0 ? errno : EIO; // it has the page: no touch of a buffer
        refused("read of a pipe", {});
        return;
    }
    const std::ptrdiff_t word = first_wrong_word(copy_.data(), pipe.stamp);
    const std::size_t page = pipe.stamp.page;
    if (word != INTACT)
        report_.wrong(copy_.data(), pipe.stamp, word,
                      slot ? slot->address(page) : nullptr,
                      slot ? slot->driver_frame(page) : 0,
                      slot ? "page in a pipe" : "page in a pipe, buffer gone");
    ++totals_.pages_verified;
}

void Thread::calm_down() {
    for (Slot &slot : slots_) {
        const std::shared_lock shared(slot.all, std::try_to_lock);
        if (!shared || !slot.filled())
            continue;
        empty_pipes(slot, std::chrono::milliseconds(0));
        const std::unique_lock lock(slot.held_lock, std::try_to_lock);
        if (!lock)
            continue;
        compare_all_frames(slot);
        slot.pins.clear();
    }
}

} // namespace stress
