// SPDX-License-Identifier: MIT
// Calls during which each allocation fails once, in turn. What must hold then
// is asked here; a test names the call.
#pragma once

#include "support/fault_injection.hpp"
#include "support/system.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <set>
#include <sys/types.h>
#include <vector>

struct Trial {
    // Makes what @call needs, anew each time, with nothing failing.
    std::function<void()> before = [] {};
    // The call: 0 or an errno. It must not allocate in user space.
    std::function<int()> call;
    // Undoes @call, which has succeeded in the end, and @before.
    std::function<void()> after = [] {};
    // What may be the answer when there is no memory; nothing of a call that
    // needs none, or must succeed without.
    std::set<int> errors = {ENOMEM};
    // Whether pages that became resident may stay so although the call failed.
    bool pages_may_stay = false;
    // What else must hold when the call has failed.
    std::function<void()> failed = [] {};
    // What else must hold after the call if nothing was made to fail.
    std::function<void()> untouched = [] {};
    // How many of its allocations are tried, of a call with many that are alike.
    unsigned tried = UINT_MAX;
};

// Where the contents of a buffer are when a call comes.
enum class Contents { missing, resident, cold };
constexpr std::array EACH_CONTENTS{Contents::missing, Contents::resident,
                                   Contents::cold};

// What a call that fails leaves as it was.
struct DriverState {
    // Of all buffers.
    std::uint64_t objects, bytes, resident_pages, cold_pages, pinned_objects;
    // Of this process.
    std::uint64_t files;
    // Of the test's buffer, if there is one.
    gpumem::BoInfo buffer;

    bool operator==(const DriverState &other) const;
};

std::ostream &operator<<(std::ostream &out, const DriverState &state);

class Fault : public testing::Test {
protected:
    static void SetUpTestSuite();
    static void TearDownTestSuite();
    // What page_owner shows from now on is compared with what it shows now.
    static void begin_account();
    void SetUp() override;
    void TearDown() override;

    // Each time that an allocation of @trial fails, the call answers with an
    // error that it may have, has changed nothing, and succeeds when it is made
    // again; or it succeeds in spite of that. Once undone, nothing is left, by
    // the driver's account, and after a test by page_owner's too. In a whole
    // suite some allocation must have failed.
    void survives(const Trial &trial);

    // Allocations of this test that were made to fail.
    [[nodiscard]] unsigned injected() const { return injected_; }
    // Calls of this test that did not succeed.
    [[nodiscard]] unsigned failed_calls() const { return failed_calls_; }

    // 0 or the errno.
    static int ioctl(int fd, unsigned long request, void *args);
    int ioctl(unsigned long request, void *args) const {
        return ioctl(device.fd(), request, args);
    }

    // @handles must outlive what is done with it.
    static drm_gpumem_pin pin_args(const std::vector<std::uint32_t> &handles,
                                   std::uint32_t flags = 0);
    // 0 or the errno, each.
    int pin(const std::vector<std::uint32_t> &handles,
            std::uint32_t flags = 0) const;
    int export_as(std::uint32_t handle, int &fd) const;
    static void close_handle(int drm, std::uint32_t handle);
    // Where to map the buffer of a handle.
    static off_t offset_of(int drm, std::uint32_t handle);

    // A new buffer, its first @resident pages filled.
    void make_buffer(std::size_t pages, std::size_t resident = 0);
    // Filled unless its contents are missing.
    void make_buffer(std::size_t pages, Contents contents);
    void drop_buffer();
    [[nodiscard]] bool is_intact() const;

    gpumem::Device device = gpumem::Device::open();
    gpumem::Bo bo;
    gpumem::Mapping map;
    std::size_t filled = 0; // words of @map

private:
    [[nodiscard]] DriverState state() const;

    std::optional<support::FaultInjection> injection_;
    unsigned injected_ = 0;
    unsigned failed_calls_ = 0;
};
