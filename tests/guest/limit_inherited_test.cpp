// SPDX-License-Identifier: MIT
// Pins through a file that somebody else opened: they count for who opened it,
// by the limit of who pins.
#include "pin_limit.hpp"

#include "support/pass_fd.hpp"

#include <sys/socket.h>

#include <array>

using gpumem::Bo;
using gpumem::Device;
using gpumem::UniqueFd;
using support::PAGE;

namespace {

constexpr uid_t SOMEBODY = 65533;

// What @body of a child came to, or 98 if it did not end by itself.
int status_of(const std::function<int()> &body) {
    const int status = support::in_child(body);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

TEST_F(PinLimit, OfAForkedChildIsItsParents) {
    expect_as_nobody([](Device &device) {
        const Bo half = device.create(LIMIT / 2 * PAGE);
        const Bo more = device.create((LIMIT / 2 + 1) * PAGE);
        CHECK(1, status_of([&] { return pin(device, {half.handle()}); }) == 0);
        // The file is still open, so its pins are too.
        CHECK(2, half.query().pins == 1);
        CHECK(3, pin(device, {more.handle()}) == ENOMEM);
        CHECK(4, status_of([&] { return pin(device, {more.handle()}); }) ==
                     ENOMEM);
        CHECK(5, unpin(device, {half.handle()}) == 0);
        CHECK(6, pin(device, {more.handle()}) == 0);
        return 0;
    });
}

TEST_F(PinLimit, OfAFileThatWasPassedOnIsThatOfWhoOpenedIt) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
              0);
    UniqueFd ours(ends[0]), theirs(ends[1]);
    // Pins half of the limit through what it gets, waits, and says how it went.
    const pid_t somebody = support::start_child([&] {
        ours.reset();
        CHECK(1, become(SOMEBODY) == 0);
        const Device passed =
            Device::from_fd(support::receive_fd(theirs.get()).get());
        const Bo half = passed.create(LIMIT / 2 * PAGE);
        CHECK(2, pin(passed, {half.handle()}) == 0);
        // There is no room for more in nobody's account.
        const Bo more = passed.create((LIMIT / 2 + 1) * PAGE);
        CHECK(3, pin(passed, {more.handle()}) == ENOMEM);
        // Somebody's own is empty.
        const Device own = Device::open();
        const Bo all = own.create(LIMIT * PAGE);
        CHECK(4, pin(own, {all.handle()}) == 0);
        char byte = 0;
        CHECK(5, ::write(theirs.get(), &byte, 1) == 1);
        CHECK(6, ::read(theirs.get(), &byte, 1) == 1);
        CHECK(7, unpin(passed, {half.handle()}) == 0);
        CHECK(8, ::write(theirs.get(), &byte, 1) == 1);
        return 0;
    });
    // So that each hears of the other's end.
    theirs.reset();
    const int nobody = status_of([&] {
        CHECK(1, become(NOBODY) == 0);
        const Device device = Device::open();
        support::send_fd(ours.get(), device.fd());
        char byte = 0;
        CHECK(2, ::read(ours.get(), &byte, 1) == 1);
        // What somebody pinned is in the way of another file of nobody's.
        const Device other = Device::open();
        const Bo more = other.create((LIMIT / 2 + 1) * PAGE);
        CHECK(3, pin(other, {more.handle()}) == ENOMEM);
        CHECK(4, ::write(ours.get(), &byte, 1) == 1);
        CHECK(5, ::read(ours.get(), &byte, 1) == 1);
        CHECK(6, pin(other, {more.handle()}) == 0);
        return 0;
    });
    EXPECT_EQ(nobody, 0);
    // One that waits for an answer that will not come gets the end of the file.
    ::shutdown(ours.get(), SHUT_RDWR);
    const int status = support::wait_for(somebody);
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Root may pin without a limit; whoever gets root's file may not.
TEST_F(PinLimit, HoldsForAUserWithRootsFile) {
    const Device device = Device::open();
    const Bo all = device.create(LIMIT * PAGE);
    const Bo small = device.create(PAGE);
    EXPECT_EQ(status_of([&] {
                  CHECK(1, become(NOBODY) == 0);
                  CHECK(2, pin(device, {all.handle()}) == 0);
                  CHECK(3, pin(device, {small.handle()}) == ENOMEM);
                  CHECK(4, unpin(device, {all.handle()}) == 0);
                  CHECK(5, pin(device, {small.handle()}) == 0);
                  return 0;
              }),
              0);
}

} // namespace
