// SPDX-License-Identifier: MIT
#include "fault_trial.hpp"

#include "support/cold.hpp"
#include "support/kernel_config.hpp"
#include "support/page_owner.hpp"

#include <sys/ioctl.h>
#include <xf86drm.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <tuple>

using support::FaultInjection;
using support::PAGE;

namespace {

std::map<std::string, std::uint64_t> pages_before;
unsigned injected_in_all = 0;

// In runs, or it could not be compressed; the first byte is what a touch writes.
std::uint64_t word(std::size_t at) {
    constexpr std::size_t RUN = 64;
    return at / RUN * 0x9e3779b97f4a7c15U << 8 | 1;
}

auto fields(const gpumem::BoInfo &info) {
    return std::tie(info.size, info.resident_pages, info.cold_pages, info.pins,
                    info.file_pins, info.movable, info.imported, info.dontneed,
                    info.purged);
}

std::uint64_t sum(const std::map<std::string, std::uint64_t> &pages) {
    std::uint64_t all = 0;
    for (const auto &[trace, count] : pages)
        all += count;
    return all;
}

} // namespace

// An account in which a buffer's pages do not appear would miss them when they
// are lost, too.
void Fault::SetUpTestSuite() {
    injected_in_all = 0;
    if (!FaultInjection::is_there() || !support::page_owner_is_on())
        return;
    constexpr std::size_t PAGES = 32;
    const gpumem::Device device = gpumem::Device::open();
    // What a compaction before this suite still holds back goes with its last page.
    for (int i = 0; i < 1000 && !device.compact(1000).done; ++i)
        ;
    begin_account();
    const gpumem::Bo bo = device.create(PAGES * PAGE);
    const gpumem::Pin pin = bo.pin(gpumem::PinFor::now);
    ASSERT_GE(sum(support::pages_of_gpumem()), sum(pages_before) + PAGES)
        << "page_owner does not see the pages of a buffer";
}

void Fault::begin_account() {
    pages_before = support::pages_of_gpumem();
}

void Fault::TearDownTestSuite() {
    if (!FaultInjection::is_there())
        return;
    std::cout << "In all " << injected_in_all << " faults injected\n";
    const auto *suite = testing::UnitTest::GetInstance()->current_test_suite();
    if (suite->test_to_run_count() == suite->total_test_count()) {
        EXPECT_GT(injected_in_all, 0U) << "no allocation was made to fail";
    }
}

void Fault::SetUp() {
    // The kernel with KASAN is the debug kernel, which must have it.
    ASSERT_TRUE(FaultInjection::is_there() ||
                !support::is_configured("KASAN").value_or(false))
        << "the debug kernel has no /proc/self/fail-nth";
    if (!FaultInjection::is_there())
        GTEST_SKIP() << "this kernel injects no faults: it has no "
                        "/proc/self/fail-nth (tools/vm --debug has)";
    ASSERT_TRUE(support::page_owner_is_on())
        << "without page_owner=on it is not known whose pages are left";
    injection_.emplace();
}

void Fault::TearDown() {
    if (!injection_)
        return;
    std::cout << injected_ << " faults injected, " << failed_calls_
              << " calls failed\n";
    RecordProperty("faults_injected", static_cast<int>(injected_));
    injected_in_all += injected_;
    drop_buffer();
    // It takes seconds, so not after every trial.
    for (const auto &[trace, pages] : support::pages_of_gpumem())
        EXPECT_LE(pages, pages_before[trace])
            << "pages are left that were allocated by\n"
            << trace;
}

void Fault::survives(const Trial &trial) {
    // Once untouched: what the kernel makes at the first time only is there
    // then, and what the program takes from its files is in memory.
    trial.before();
    ASSERT_EQ(trial.call(), 0);
    trial.untouched();
    trial.after();

    const DriverState outside = state();
    DriverState inside{};
    injected_ += injection_->for_each_failure(
        [&] {
            trial.before();
            inside = state();
        },
        trial.call,
        [&](const support::Attempt &attempt) {
            SCOPED_TRACE("allocation " + std::to_string(attempt.nth));
            if (attempt.error) {
                ++failed_calls_;
                EXPECT_TRUE(attempt.injected) << std::strerror(attempt.error);
                EXPECT_TRUE(trial.errors.contains(attempt.error))
                    << std::strerror(attempt.error);
                DriverState now = state();
                if (trial.pages_may_stay) {
                    // From nowhere, or out of the store.
                    EXPECT_GE(now.resident_pages + now.cold_pages,
                              inside.resident_pages + inside.cold_pages);
                    now.resident_pages = inside.resident_pages;
                    now.cold_pages = inside.cold_pages;
                    now.buffer.resident_pages = inside.buffer.resident_pages;
                    now.buffer.cold_pages = inside.buffer.cold_pages;
                }
                EXPECT_EQ(now, inside);
                trial.failed();
                // Reading brings back what is cold, and the call should do that.
                const bool cold = now.buffer.cold_pages;
                EXPECT_TRUE(cold || is_intact());
                EXPECT_EQ(trial.call(), 0);
            } else if (!attempt.injected) {
                trial.untouched();
            }
            trial.after();
            EXPECT_EQ(state(), outside);
            return !HasFailure() && attempt.nth < trial.tried;
        });
}

int Fault::ioctl(int fd, unsigned long request, void *args) {
    return ::ioctl(fd, request, args) ? errno : 0;
}

drm_gpumem_pin Fault::pin_args(const std::vector<std::uint32_t> &handles,
                               std::uint32_t flags) {
    drm_gpumem_pin args{};
    args.handles = reinterpret_cast<std::uintptr_t>(handles.data());
    args.count = static_cast<std::uint32_t>(handles.size());
    args.flags = flags;
    return args;
}

int Fault::pin(const std::vector<std::uint32_t> &handles,
               std::uint32_t flags) const {
    auto args = pin_args(handles, flags);
    return ioctl(DRM_IOCTL_GPUMEM_PIN, &args);
}

int Fault::export_as(std::uint32_t handle, int &fd) const {
    drm_prime_handle args{};
    args.handle = handle;
    args.flags = DRM_CLOEXEC | DRM_RDWR;
    const int error = ioctl(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);
    fd = args.fd;
    return error;
}

void Fault::close_handle(int drm, std::uint32_t handle) {
    drm_gem_close args{};
    args.handle = handle;
    EXPECT_EQ(ioctl(drm, DRM_IOCTL_GEM_CLOSE, &args), 0);
}

off_t Fault::offset_of(int drm, std::uint32_t handle) {
    drm_gpumem_mmap_offset args{};
    args.handle = handle;
    EXPECT_EQ(ioctl(drm, DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args), 0);
    return static_cast<off_t>(args.offset);
}

void Fault::make_buffer(std::size_t pages, std::size_t resident) {
    bo = device.create(pages * PAGE);
    map = bo.map();
    filled = resident * PAGE / sizeof(std::uint64_t);
    const auto words = map.as<std::uint64_t>();
    for (std::size_t at = 0; at < filled; ++at)
        words[at] = word(at);
}

void Fault::make_buffer(std::size_t pages, Contents contents) {
    make_buffer(pages, contents == Contents::missing ? 0 : pages);
    if (contents == Contents::cold) {
        ASSERT_TRUE(support::becomes_cold(bo, pages));
    }
}

void Fault::drop_buffer() {
    map.reset();
    filled = 0;
    bo = gpumem::Bo();
}

bool Fault::is_intact() const {
    const auto words = map.as<std::uint64_t>();
    for (std::size_t at = 0; at < filled; ++at)
        if (words[at] != word(at))
            return false;
    return true;
}

DriverState Fault::state() const {
    const auto stats = device.stats();
    const auto files =
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    return {stats.objects,
            stats.bytes,
            stats.resident_pages,
            stats.cold_pages,
            stats.pinned_objects,
            static_cast<std::uint64_t>(files),
            bo ? bo.query() : gpumem::BoInfo{}};
}

bool DriverState::operator==(const DriverState &other) const {
    return std::tie(objects, bytes, resident_pages, cold_pages, pinned_objects,
                    files) ==
               std::tie(other.objects, other.bytes, other.resident_pages,
                        other.cold_pages, other.pinned_objects, other.files) &&
           fields(buffer) == fields(other.buffer);
}

std::ostream &operator<<(std::ostream &out, const DriverState &state) {
    const auto &[objects, bytes, resident, cold, pinned, files, bo] = state;
    return out << objects << " objects, " << bytes << " bytes, " << resident
               << " resident pages, " << cold << " cold, " << pinned
               << " pinned, " << files << " files; buffer: "
               << bo.resident_pages << " resident pages, " << bo.cold_pages
               << " cold, " << bo.pins << " pins, " << bo.file_pins
               << " of this file, dontneed " << bo.dontneed << ", purged "
               << bo.purged;
}
