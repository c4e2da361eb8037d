// SPDX-License-Identifier: MIT
// Does the calls of a program: holds the files, handles, dma-bufs and mappings
// that they made, and checks what the driver answers.
#pragma once

#include "fuzz/program.hpp"
#include "support/page_owner.hpp"

#include <gpumem/gpumem.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fuzz {

// The driver did what it must not do.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Answer {
    bool done = true; // false: there was nothing to call with
    int error = 0;
};

class Machine {
public:
    // @unhurried: also calls that take long are made each time.
    explicit Machine(bool unhurried);
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;
    ~Machine();

    // With one file open and nothing else.
    void begin();
    Answer run(const Call &call);
    // Closes all; throws Failure if the driver keeps anything.
    void end();
    // After the last program: throws Failure if the kernel misses pages.
    void expect_no_page_lost() const;

private:
    using Arguments = std::array<std::uint8_t, ARGUMENTS>;

    enum class Kind : std::uint8_t { render, card, vkms, vgem, COUNT };
    struct File {
        gpumem::UniqueFd fd;
        Kind kind = Kind::render;
        std::vector<std::uint32_t> handles;
        std::vector<std::uint32_t> syncobjs;
        std::vector<std::uint32_t> fences;

        [[nodiscard]] bool ours() const {
            return kind == Kind::render || kind == Kind::card;
        }
    };
    struct Mapping {
        std::byte *at = nullptr;
        std::size_t size = 0;
        std::size_t window = 0;
    };
    // A share of the time, for calls that take long.
    struct Share {
        std::chrono::steady_clock::duration used{};
    };

    // machine.cpp
    void make_room();
    void make_foreign();
    [[nodiscard]] static Answer answer(long result);
    [[nodiscard]] std::byte *pointer(std::uint8_t kind, std::size_t bytes);
    [[nodiscard]] File *file(std::uint8_t which);
    [[nodiscard]] int fd_of(std::uint8_t which);
    [[nodiscard]] int dmabuf(std::uint8_t which) const;
    [[nodiscard]] Mapping *mapping(std::uint8_t which);
    [[nodiscard]] static std::uint32_t handle(const File &file,
                                              std::uint8_t which);
    Answer slowly(Share &share, const char *path, const char *text);
    void keep(std::vector<gpumem::UniqueFd> &fds, int fd);

    // driver_calls.cpp
    template <typename Argument>
    Answer ioctl_checked(const File &file, unsigned long request,
                         Argument &argument);
    void adopt(File &file, std::uint32_t handle, std::uint64_t size);
    Answer create(const Arguments &a);
    Answer mmap_offset(const Arguments &a);
    Answer pin_or_unpin(const Arguments &a, bool pin);
    Answer pin(const Arguments &a) { return pin_or_unpin(a, true); }
    Answer unpin(const Arguments &a) { return pin_or_unpin(a, false); }
    Answer query(const Arguments &a);
    Answer stats(const Arguments &a);
    Answer advise(const Arguments &a);
    Answer evacuate(const Arguments &a);
    Answer raw(const Arguments &a);

    // drm_calls.cpp
    Answer gem_close(const Arguments &a);
    Answer flink(const Arguments &a);
    Answer gem_open(const Arguments &a);
    Answer prime_export(const Arguments &a);
    Answer prime_import(const Arguments &a);
    Answer dumb_create(const Arguments &a);
    Answer dumb_map(const Arguments &a);
    Answer dumb_destroy(const Arguments &a);
    Answer syncobj_create(const Arguments &a);
    Answer syncobj_destroy(const Arguments &a);
    Answer syncobj_wait(const Arguments &a);
    Answer syncobj_array(const Arguments &a, unsigned long request);
    Answer syncobj_signal(const Arguments &a);
    Answer syncobj_reset(const Arguments &a);
    Answer syncobj_export(const Arguments &a);
    Answer syncobj_import(const Arguments &a);
    Answer fence_attach(const Arguments &a);
    Answer fence_signal(const Arguments &a);
    void signal_fences();

    // timeline_calls.cpp
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t>
    points_of(const File &file, std::uint32_t count, const Arguments &a);
    Answer timeline_array(const Arguments &a, unsigned long request,
                          std::uint32_t flags);
    Answer timeline_signal(const Arguments &a);
    Answer timeline_query(const Arguments &a);
    Answer timeline_transfer(const Arguments &a);
    Answer timeline_wait(const Arguments &a);
    Answer syncobj_eventfd(const Arguments &a);

    // memory_calls.cpp
    Answer map(int fd, std::uint64_t offset, std::uint64_t size,
               const Arguments &a);
    Answer mmap_file(const Arguments &a);
    Answer mmap_dmabuf(const Arguments &a);
    Answer munmap(const Arguments &a);
    Answer mremap(const Arguments &a);
    Answer mprotect(const Arguments &a);
    Answer madvise(const Arguments &a);
    Answer mlock(const Arguments &a);
    Answer touch(const Arguments &a);
    Answer vm_readv(const Arguments &a);
    Answer vmsplice(const Arguments &a);
    [[nodiscard]] std::byte *window(std::size_t i) const;
    [[nodiscard]] std::size_t free_window() const;
    void reserve(std::byte *at, std::size_t size) const;
    [[nodiscard]] std::pair<std::byte *, std::size_t> part(const Arguments &a);

    // file_calls.cpp
    Answer open(const Arguments &a);
    Answer close_file(const Arguments &a);
    Answer dup_file(const Arguments &a);
    Answer dmabuf_sync(const Arguments &a);
    Answer dmabuf_name(const Arguments &a);
    Answer dmabuf_export_sync(const Arguments &a);
    Answer dmabuf_import_sync(const Arguments &a);
    Answer dmabuf_foreign(const Arguments &a);
    Answer dmabuf_close(const Arguments &a);
    Answer dmabuf_dup(const Arguments &a);
    Answer lseek(const Arguments &a);
    Answer poll(const Arguments &a);
    Answer read(const Arguments &a);
    Answer read_state(const Arguments &a);
    Answer limit(const Arguments &a);
    Answer compact(const Arguments &a);
    Answer shrink(const Arguments &a);

    // Of the run.
    const bool unhurried_;
    const std::chrono::steady_clock::time_point born_;
    std::array<std::string, static_cast<std::size_t>(Kind::COUNT)> nodes_;
    gpumem::UniqueFd foreign_device_;
    gpumem::UniqueFd foreign_;
    std::array<gpumem::UniqueFd, 2> pipe_;
    std::byte *scratch_ = nullptr; // followed by a page that is not there
    std::byte *windows_ = nullptr; // where mappings go
    const gpumem::Device device_;
    gpumem::DeviceStats before_{};
    std::optional<support::PageAccount> pages_;
    Share compacting_, shrinking_;

    // Of the program.
    std::vector<File> files_;
    std::vector<gpumem::UniqueFd> dmabufs_;
    std::vector<gpumem::UniqueFd> others_; // duplicates and sync files
    std::vector<Mapping> mappings_;
    std::vector<std::uint32_t> names_;
    std::vector<std::uint64_t> offsets_;
    std::uint64_t kept_ = 0;
    bool limited_ = false;
};

} // namespace fuzz
