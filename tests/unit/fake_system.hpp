// SPDX-License-Identifier: MIT
// A stand-in for the kernel and the driver: keeps handles, dma-bufs and pins in
// tables, counts what the library leaves behind, and fails when told to.
#pragma once

#include "system.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

class FakeSystem final : public gpumem::internal::System {
public:
    int open(const char *path) override;
    int duplicate(int fd) override;
    void close(int fd) override;
    int ioctl(int fd, unsigned long request, void *arg) override;
    int map(int fd, std::size_t size, std::uint64_t offset, void **out) override;
    void unmap(void *addr, std::size_t size) override;
    std::vector<std::string> render_nodes() override;
    std::string driver_name(int fd) override;

    struct Object {
        std::uint64_t size = 0;
        std::uint64_t pins = 0;
        bool dontneed = false;
        bool purged = false;
        bool cold = false;
    };

    // Nodes and the driver behind each.
    std::map<std::string, std::string> nodes{{"/dev/dri/renderD128", "other"},
                                             {"/dev/dri/renderD129", "gpumem"}};
    std::map<int, std::string> open_files;           // fd -> driver
    std::map<std::uint32_t, Object> objects;         // by handle
    std::uint32_t pin_flags = 0;                     // of the last pin or unpin
    std::map<int, std::uint32_t> dmabufs;            // fd -> handle
    std::set<void *> maps;

    // Returned by the next ioctl of this number instead of doing it.
    std::map<unsigned long, int> fail_once;
    int fail_map = 0;
    unsigned interrupts = 0; // EINTR this often before each ioctl
    unsigned ioctls = 0;

private:
    int next_fd_ = 100;
    std::uint32_t next_handle_ = 1;
    unsigned interrupted_ = 0;
};

// Puts a FakeSystem in place and checks that a test leaves nothing open.
class LibraryTest : public testing::Test {
protected:
    LibraryTest() { gpumem::internal::replace_system(&sys); }
    ~LibraryTest() override { gpumem::internal::replace_system(nullptr); }
    void TearDown() override {
        EXPECT_TRUE(sys.open_files.empty()) << "files left open";
        EXPECT_TRUE(sys.maps.empty()) << "mappings left";
        EXPECT_TRUE(sys.objects.empty()) << "handles left";
    }
    FakeSystem sys;
};
