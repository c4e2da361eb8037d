// SPDX-License-Identifier: MIT
// get_user_pages() on a buffer: direct I/O, pipes, other processes, io_uring.
// A page that somebody uses this way does not move until it is let go.
#include "support/crumbs.hpp"
#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

using gpumem::Device;
using support::Crumbs;
using support::move_pages;
using support::PAGE;
using support::page_frames;

namespace {

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(const Fd &) = delete;
    Fd &operator=(const Fd &) = delete;
    ~Fd() { reset(); }
    void reset() {
        if (fd_ >= 0)
            ::close(fd_);
        fd_ = -1;
    }
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

class UserPages : public testing::Test {
protected:
    void SetUp() override {
        if (device.stats().backing == GPUMEM_BACKING_KIND_MOPS)
            GTEST_SKIP() << "PFN mappings have no pages to get";
    }

    // @use takes hold of all pages of a buffer, @release lets them go.
    template <typename Use, typename Release>
    void expect_still_while_used(const Use &use, const Release &release) {
        Crumbs crumbs(device);
        auto &used = crumbs.kept().front();
        ASSERT_NO_FATAL_FAILURE(use(used.map));
        const auto before = page_frames(used.id);
        const auto busy = device.stats().refused_busy;
        ASSERT_GE(move_pages(device, 1000), 1000U);
        EXPECT_EQ(page_frames(used.id), before);
        EXPECT_EQ(used.bo.query().moved, 0U);
        EXPECT_GT(device.stats().refused_busy, busy);

        ASSERT_NO_FATAL_FAILURE(release(used.map));
        for (int i = 0; i < 20 && used.bo.query().moved == 0; ++i)
            support::compact_memory();
        EXPECT_GT(used.bo.query().moved, 0U);
        EXPECT_EQ(crumbs.first_wrong(), "");
    }

    const Device device = Device::open();
};

TEST_F(UserPages, DirectWriteAndReadPassTheBuffersOwnMemory) {
    ASSERT_EQ(support::shell("modprobe brd rd_nr=1 rd_size=4096"), 0);
    constexpr std::size_t size = 2 << 20;
    const Fd disk(::open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC));
    ASSERT_GE(disk.get(), 0) << std::strerror(errno);
    const gpumem::Bo source = device.create(size);
    const auto from = source.map();
    std::uint64_t word = 1;
    for (std::uint64_t &value : from.as<std::uint64_t>())
        value = word++ * 0x9e3779b97f4a7c15U;
    ASSERT_EQ(::pwrite(disk.get(), from.data(), size, 0), ssize_t{size})
        << std::strerror(errno);

    // Never touched before: the read brings its pages in.
    const gpumem::Bo target = device.create(size);
    const auto to = target.map();
    ASSERT_EQ(::pread(disk.get(), to.data(), size, 0), ssize_t{size})
        << std::strerror(errno);
    EXPECT_EQ(std::memcmp(from.data(), to.data(), size), 0);
}

TEST_F(UserPages, InAPipeStayWhereTheyAre) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const Fd out(ends[0]), in(ends[1]);
    ASSERT_GE(::fcntl(in.get(), F_SETPIPE_SZ, 1 << 20), 1 << 20);
    expect_still_while_used(
        [&](const gpumem::Mapping &map) {
            iovec part{map.data(), map.size()};
            ASSERT_EQ(::vmsplice(in.get(), &part, 1, 0), ssize_t{1 << 20})
                << std::strerror(errno);
        },
        [&](const gpumem::Mapping &map) {
            std::vector<std::byte> got(map.size());
            std::size_t at = 0;
            while (at < got.size()) {
                const ssize_t n = ::read(out.get(), &got[at], got.size() - at);
                ASSERT_GT(n, 0) << std::strerror(errno);
                at += static_cast<std::size_t>(n);
            }
            EXPECT_EQ(std::memcmp(got.data(), map.data(), got.size()), 0);
        });
}

TEST_F(UserPages, AsARegisteredBufferOfIoUringStayWhereTheyAre) {
    if (!support::kernel_is_at_least(6, 12))
        GTEST_SKIP() << "io_uring of this kernel refuses file-backed memory";
    io_uring_params params{};
    Fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params)));
    ASSERT_GE(ring.get(), 0) << std::strerror(errno);
    expect_still_while_used(
        [&](const gpumem::Mapping &map) {
            iovec all{map.data(), map.size()};
            ASSERT_EQ(::syscall(SYS_io_uring_register, ring.get(),
                                IORING_REGISTER_BUFFERS, &all, 1),
                      0)
                << std::strerror(errno);
        },
        [&](const gpumem::Mapping &) {
            ASSERT_EQ(::syscall(SYS_io_uring_register, ring.get(),
                                IORING_UNREGISTER_BUFFERS, nullptr, 0),
                      0)
                << std::strerror(errno);
        });
}

TEST_F(UserPages, AreReadAndWrittenByAnotherProcess) {
    constexpr std::size_t size = 64 * PAGE;
    const gpumem::Bo bo = device.create(size);
    const auto map = bo.map();
    for (std::size_t i = 0; i < size; ++i)
        map.data()[i] = static_cast<std::byte>(i * 7);
    const pid_t parent = ::getpid();
    const int status = support::in_child([&] {
        std::vector<std::byte> copy(size);
        iovec local{copy.data(), size};
        iovec remote{map.data(), size};
        if (::process_vm_readv(parent, &local, 1, &remote, 1, 0) !=
            ssize_t{size})
            return 1;
        for (std::size_t i = 0; i < size; ++i) {
            if (copy[i] != static_cast<std::byte>(i * 7))
                return 2;
            copy[i] ^= std::byte{0xff};
        }
        return ::process_vm_writev(parent, &local, 1, &remote, 1, 0) ==
                       ssize_t{size}
                   ? 0
                   : 3;
    });
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
    for (std::size_t i = 0; i < size; ++i)
        ASSERT_EQ(map.data()[i],
                  static_cast<std::byte>(i * 7) ^ std::byte{0xff})
            << i;
}

TEST_F(UserPages, OutliveTheBufferInAPipe) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd out(ends[0]), in(ends[1]);
    const auto objects = device.stats().objects;
    {
        const gpumem::Bo bo = device.create(PAGE);
        const auto map = bo.map();
        std::memset(map.data(), 0x6b, PAGE);
        iovec part{map.data(), PAGE};
        ASSERT_EQ(::vmsplice(in.get(), &part, 1, 0), ssize_t{PAGE});
    }
    EXPECT_EQ(device.stats().objects, objects);
    { Crumbs others(device, 64); }
    std::array<std::byte, PAGE> got{};
    ASSERT_EQ(::read(out.get(), got.data(), PAGE), ssize_t{PAGE});
    for (const std::byte byte : got)
        ASSERT_EQ(byte, std::byte{0x6b});
}

} // namespace
