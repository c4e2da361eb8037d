// SPDX-License-Identifier: MIT
// Calls that map a buffer, and touches of what is mapped.
#pragma once

#include "fault_trial.hpp"

#include <sys/mman.h>

#include <csetjmp>
#include <csignal>
#include <functional>
#include <tuple>
#include <utility>

class FaultMapping : public Fault {
protected:
    // A buffer to be mapped, made anew for each try and then dropped. @before
    // returns its descriptor and offset.
    struct Mapped {
        std::size_t pages = 0;
        std::function<std::pair<int, off_t>()> before;
        std::function<void()> after;
    };

    void SetUp() override {
        Fault::SetUp();
        struct sigaction action{};
        action.sa_handler = [](int) { siglongjmp(place_, 1); };
        ::sigaction(SIGBUS, &action, &old_);
    }
    void TearDown() override {
        ::sigaction(SIGBUS, &old_, nullptr);
        Fault::TearDown();
    }

    // EFAULT if it was a SIGBUS, which is all that a program gets to know.
    int touch(std::size_t page, bool write) const {
        volatile std::byte *const byte = mapped_ + page * support::PAGE;
        if (sigsetjmp(place_, 1))
            return EFAULT;
        if (write)
            *byte = std::byte{1};
        else
            (void)*byte;
        return 0;
    }

    // With MAP_POPULATE the kernel does not say what it could not populate: it
    // is there when it is touched.
    void survives_mmap(const Mapped &what) {
        for (const int flags : {0, MAP_POPULATE})
            survives({.before = [&] { prepare(what); },
                      .call = [&] { return map(what, flags); },
                      .after =
                          [&] {
                              for (std::size_t page = 0; page < what.pages;
                                   ++page)
                                  EXPECT_EQ(touch(page, page % 2), 0) << page;
                              unmap(what);
                          }});
    }
    void survives_touch(const Mapped &what, bool write) {
        survives({.before =
                      [&] {
                          prepare(what);
                          ASSERT_EQ(map(what, 0), 0);
                      },
                  .call = [&] { return touch(3, write); },
                  .after = [&] { unmap(what); },
                  .errors = {EFAULT}});
    }
    void survives_being_mapped(const Mapped &what) {
        survives_mmap(what);
        for (const bool write : {false, true})
            survives_touch(what, write);
    }

private:
    void prepare(const Mapped &what) { std::tie(fd_, offset_) = what.before(); }
    int map(const Mapped &what, int flags) {
        void *const got =
            ::mmap(LONELY, what.pages * support::PAGE, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED_NOREPLACE | flags, fd_, offset_);
        if (got == MAP_FAILED)
            return errno;
        mapped_ = static_cast<volatile std::byte *>(got);
        return 0;
    }
    void unmap(const Mapped &what) {
        ::munmap(LONELY, what.pages * support::PAGE);
        what.after();
    }

    // Far from all else, so that a fault needs page tables of every level.
    static inline void *const LONELY = reinterpret_cast<void *>(0x200000000000);
    static inline sigjmp_buf place_;
    struct sigaction old_{};
    int fd_ = -1;
    off_t offset_ = 0;
    volatile std::byte *mapped_ = nullptr;
};
