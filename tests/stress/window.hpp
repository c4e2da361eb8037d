// SPDX-License-Identifier: MIT
// A second mapping of a buffer, by its dma-buf: this is what may be moved, cut and
// protected without harm to others.
#pragma once

#include "support/system.hpp"

#include <cstddef>
#include <sys/mman.h>

namespace stress {

class Window {
public:
    Window(int fd, std::size_t size) : size_(size) {
        void *at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        at_ = at == MAP_FAILED ? nullptr : static_cast<std::byte *>(at);
    }
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;
    ~Window() {
        if (at_)
            ::munmap(at_, size_);
    }
    explicit operator bool() const { return at_; }
    [[nodiscard]] std::byte *page(std::size_t i) const { return at_ + i * support::PAGE; }
    [[nodiscard]] std::size_t pages() const { return size_ / support::PAGE; }

    // To another address, and not larger.
    bool move(std::size_t size) {
        void *to = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);
        if (to == MAP_FAILED)
            return false;
        void *at = ::mremap(at_, size_, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        if (at == MAP_FAILED) {
            ::munmap(to, size);
            return false;
        }
        at_ = static_cast<std::byte *>(at);
        size_ = size;
        return true;
    }
    bool protect(int prot) { return ::mprotect(at_, size_, prot) == 0; }

private:
    std::byte *at_ = nullptr;
    std::size_t size_;
};

} // namespace stress
