// SPDX-License-Identifier: MIT
// Only the driver's own word, for this thread and this touch, excuses a SIGBUS, and
// only the kernel's a process that was killed.
#include "stress/refusals.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

using stress::has_refusal;
using std::chrono::microseconds;
using std::chrono::seconds;

namespace {

std::string line(const char *thread, const char *time,
                 const std::string &event) {
    return std::string(" gpumem-stress-") + thread + " [001] ..... " + time +
           ": " + event + "\n";
}

std::string fault(int ret) {
    return "gpumem_fault: object=5 page=2 ret=" + std::to_string(ret);
}

TEST(Refusals, AreOfTheThread) {
    const std::string trace =
        "# tracer: nop\n" + line("1234", "77.000005", fault(-ENOMEM));
    EXPECT_TRUE(has_refusal(trace, 1234, seconds(77)));
    EXPECT_FALSE(has_refusal(trace, 123, seconds(77)));
    EXPECT_FALSE(has_refusal(trace, 234, seconds(77)));
    EXPECT_FALSE(has_refusal("", 1234, seconds(77)));
}

TEST(Refusals, BeforeTheTouchDoNotCount) {
    const std::string trace = line("1234", "77.000005", fault(-ENOMEM));
    EXPECT_TRUE(has_refusal(trace, 1234, seconds(77) + microseconds(6)));
    EXPECT_FALSE(has_refusal(trace, 1234, seconds(77) + microseconds(7)));
    EXPECT_TRUE(has_refusal(trace + line("1234", "78.000000", fault(-ENOMEM)),
                            1234, seconds(78)));
}

TEST(Victims, AreThoseWhomTheOomKillerTook) {
    const std::string trace =
        line("77", "5.000001", "mark_victim: pid=1234") +
        line("78", "6.000001", "mark_victim: pid=99 comm=pid=7 total-vm=55kB") +
        line("79", "7.000001", "wake_reaper: pid=55");
    EXPECT_TRUE(stress::has_victim(trace, 1234));
    EXPECT_TRUE(stress::has_victim(trace, 99));
    for (const pid_t other : {77, 123, 234, 12345, 7, 55, 9})
        EXPECT_FALSE(stress::has_victim(trace, other)) << other;
}

TEST(Refusals, AreFaultsWithoutMemory) {
    EXPECT_FALSE(has_refusal(line("1234", "77.000005", fault(0)), 1234, {}));
    EXPECT_FALSE(
        has_refusal(line("1234", "77.000005", fault(-EHWPOISON)), 1234, {}));
    EXPECT_FALSE(has_refusal(
        line("1234", "77.000005", "gpumem_pin: object=5 ret=-12"), 1234, {}));
}

} // namespace
