// SPDX-License-Identifier: MIT
// A second mapping of a buffer, by its dma-buf: this is what may be moved, cut
// and protected without harm to others.
#pragma once

#include "support/system.hpp"

#include <cstddef>
#include <sys/mman.h>
#include <utility>

namespace stress {

class Window {
public:
    Window(int fd, std::size_t size) : size_(size) {
        void *at =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        at_ = at == MAP_FAILED ? nullptr : static_cast<std::byte *>(at);
    }
    Window(Window &&other) noexcept
        : at_(std::exchange(other.at_, nullptr)), size_(other.size_) {}
    Window &operator=(Window &&other) noexcept {
        std::swap(at_, other.at_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Window() {
        if (at_)
            ::munmap(at_, size_);
    }
    explicit operator bool() const { return at_; }
    [[nodiscard]] std::byte *page(std::size_t i) const {
        return at_ + i * support::PAGE;
    }
    [[nodiscard]] std::size_t pages() const { return size_ / support::PAGE; }

    // To another address, and not larger.
    bool move(std::size_t size) {
        void *to = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);
        if (to == MAP_FAILED)
            return false;
        void *at =
            ::mremap(at_, size_, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        if (at == MAP_FAILED) {
            ::munmap(to, size);
            return false;
        }
        at_ = static_cast<std::byte *>(at);
        size_ = size;
        return true;
    }
    // Of some pages.
    bool protect(std::size_t first, std::size_t count, int prot) {
        return ::mprotect(page(first), count * support::PAGE, prot) == 0;
    }
    bool protect(int prot) { return protect(0, pages(), prot); }

    // A hole where some pages were: at once memory that cannot be touched, or
    // another thread might get a mapping there.
    bool punch(std::size_t first, std::size_t count) {
        return ::mmap(page(first), count * support::PAGE, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                      0) != MAP_FAILED;
    }

private:
    std::byte *at_ = nullptr;
    std::size_t size_;
};

} // namespace stress
