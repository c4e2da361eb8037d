// SPDX-License-Identifier: MIT
// A place for a buffer, and what is known of it. All threads of a process share
// the slots: what changes the buffer as a whole has it alone, what only touches
// pages shares it and locks the pages.
#pragma once

#include "stress/held.hpp"
#include "stress/report.hpp"
#include "stress/stamp.hpp"
#include "stress/totals.hpp"

#include <gpumem/gpumem.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

namespace stress {

class Slot {
public:
    std::shared_mutex all;

    // With @all held alone:
    void fill(const gpumem::Device &device, std::uint64_t pages,
              std::uint64_t number);
    // Pages in pipes stay what they are.
    std::vector<InPipe> clear();

    // By pins, pipes or other devices, so that its pages cannot be replaced. With
    // @held_lock.
    [[nodiscard]] bool is_held() const {
        return !pins.empty() || !pipes.empty() || importers;
    }

    [[nodiscard]] bool filled() const { return bool(bo); }
    [[nodiscard]] std::size_t pages() const { return versions.size(); }
    [[nodiscard]] std::byte *address(std::size_t page) const {
        return map.data() + page * support::PAGE;
    }
    [[nodiscard]] Stamp stamp(std::size_t page) const {
        return {.buffer = number,
                .page = static_cast<std::uint32_t>(page),
                .version = versions[page],
                .torn = torn[page] != 0};
    }

    // One page, until it is destroyed; empty if another thread or a pipe has
    // it.
    class PageLock {
    public:
        explicit PageLock(std::atomic<bool> &flag)
            : flag_(flag.exchange(true, std::memory_order_acquire) ? nullptr
                                                                   : &flag) {}
        PageLock(const PageLock &) = delete;
        PageLock &operator=(const PageLock &) = delete;
        ~PageLock() {
            if (flag_)
                flag_->store(false, std::memory_order_release);
        }
        explicit operator bool() const { return flag_; }
        // A pipe has the page, until unlock().
        void keep() { flag_ = nullptr; }

    private:
        std::atomic<bool> *flag_;
    };
    [[nodiscard]] PageLock lock(std::size_t page) {
        return PageLock(busy[page]);
    }
    void unlock(std::size_t page) {
        busy[page].store(false, std::memory_order_release);
    }

    // With the page locked, through any mapping of it; throw Unreachable:
    void check(const std::byte *at, std::size_t page, const Report &report,
               Totals &totals, const std::string &where) const {
        check(at, at, page, report, totals, where);
    }
    // @at: what the kernel copied out of the page.
    void check_copy(const std::byte *at, std::size_t page, const Report &report,
                    Totals &totals, const std::string &where) const {
        check(at, address(page), page, report, totals, where);
    }
    void write(std::byte *at, std::size_t page, Totals &totals);
    // The next version is in it, @whole or up to where there was no memory:
    // what is being written may be compressed meanwhile.
    void written(std::size_t page, bool whole) {
        versions[page] += whole;
        torn[page] = !whole;
    }
    // All of it reads as zeros again.
    void purged() {
        versions.assign(versions.size(), 0);
        torn.assign(torn.size(), 0);
    }

    // The driver's id of the buffer; 0 if it cannot be asked.
    [[nodiscard]] std::uint64_t object() const;

    // The page frame that the driver has for a page; 0 if it has none.
    [[nodiscard]] std::uint64_t driver_frame(std::size_t page) const;

    gpumem::Bo bo;
    gpumem::Mapping map;
    bool dontneed = false;
    std::uint64_t number = 0;
    // Moves of its pages, as the driver counts them, up to which its contents are
    // known to be right, or gone.
    std::uint64_t moves_seen = 0;
    std::vector<std::uint32_t> versions;
    std::vector<std::uint8_t> torn; // flags; see Stamp

    std::mutex held_lock;
    std::vector<Pinned> pins;
    std::vector<InPipe> pipes;
    // That are attached while others use the buffer.
    std::atomic<std::uint64_t> importers{};

private:
    // @mapping: by which the page was read, whose page frame a report tells.
    void check(const std::byte *at, const std::byte *mapping, std::size_t page,
               const Report &report, Totals &totals,
               const std::string &where) const;

    const gpumem::Device *device_ = nullptr;
    std::vector<std::atomic<bool>> busy;
};

} // namespace stress
