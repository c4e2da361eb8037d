// SPDX-License-Identifier: MIT
#include "support/fault_injection.hpp"

#include "support/system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace support {
namespace {

const std::string FAIL_NTH = "/proc/thread-self/fail-nth";
const std::string DEBUGFS = "/sys/kernel/debug/";

// By default nothing fails that may sleep, lies in highmem or is a single page,
// which is all that a driver allocates. A trace in the log is a kernel report.
constexpr std::array<std::pair<const char *, const char *>, 6> SETTINGS{{
    {"failslab/ignore-gfp-wait", "N"},
    {"failslab/verbose", "0"},
    {"fail_page_alloc/ignore-gfp-wait", "N"},
    {"fail_page_alloc/ignore-gfp-highmem", "N"},
    {"fail_page_alloc/min-order", "0"},
    {"fail_page_alloc/verbose", "0"},
}};

// More than any call allocates.
constexpr unsigned LIMIT = 20000;

} // namespace

bool FaultInjection::is_there() {
    return std::filesystem::exists(FAIL_NTH) &&
           std::filesystem::exists(DEBUGFS + "failslab") &&
           std::filesystem::exists(DEBUGFS + "fail_page_alloc");
}

FaultInjection::FaultInjection()
    : fail_nth_(::open(FAIL_NTH.c_str(), O_RDWR | O_CLOEXEC)) {
    if (!fail_nth_)
        throw std::runtime_error("cannot open " + FAIL_NTH);
    for (const auto &[file, value] : SETTINGS)
        write_file(DEBUGFS + file, value);
}

void FaultInjection::arm(unsigned nth) const {
    std::array<char, 16> text{};
    const int size = std::snprintf(text.data(), text.size(), "%u", nth);
    if (::pwrite(fail_nth_.get(), text.data(), static_cast<std::size_t>(size),
                 0) != size)
        throw std::runtime_error("cannot write " + FAIL_NTH);
}

Attempt FaultInjection::run(unsigned nth,
                            const std::function<int()> &call) const {
    std::array<char, 16> left{};
    arm(nth);
    const int error = call();
    const auto got = ::pread(fail_nth_.get(), left.data(), left.size() - 1, 0);
    arm(0);
    if (got <= 0)
        throw std::runtime_error("cannot read " + FAIL_NTH);
    return {nth, std::stoul(left.data()) == 0, error};
}

unsigned FaultInjection::for_each_failure(
    const std::function<void()> &before, const std::function<int()> &call,
    const std::function<bool(const Attempt &)> &after) const {
    unsigned injected = 0;
    for (unsigned nth = 1; nth <= LIMIT; ++nth) {
        before();
        const Attempt attempt = run(nth, call);
        injected += attempt.injected;
        if (!after(attempt) || !attempt.injected)
            return injected;
    }
    throw std::runtime_error("the call allocates without end");
}

} // namespace support
