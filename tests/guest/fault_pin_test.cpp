// SPDX-License-Identifier: MIT
// Without memory: pins.
#include "fault_trial.hpp"

#include "support/debugfs.hpp"
#include "support/moves.hpp"

#include <drm/gpumem_drm.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>
#include <vector>

using gpumem::Bo;
using support::PAGE;

namespace {

constexpr std::size_t PAGES = 16;

// So many that the page cache needs more than one node for them.
constexpr std::size_t MANY_PAGES = 70;

TEST_F(Fault, InPin) {
    std::vector<std::uint32_t> handles;
    survives({.before =
                  [&] {
                      make_buffer(MANY_PAGES);
                      handles = {bo.handle()};
                  },
              .call = [&] { return pin(handles); },
              .after = [&] { drop_buffer(); }});
    // Not each of them: the kernel's debugging aids allocate for themselves now
    // and then, and their allocation is counted but fails nobody.
    EXPECT_GE(failed_calls(), MANY_PAGES / 2) << "page allocations do not fail";
}

TEST_F(Fault, InPinOfAnArray) {
    // The array is too large for one page.
    std::vector<Bo> others(3);
    std::vector<std::uint32_t> handles;
    survives({.before =
                  [&] {
                      make_buffer(4);
                      handles.assign(600, bo.handle());
                      for (Bo &other : others) {
                          other = device.create(4 * PAGE);
                          handles.push_back(other.handle());
                      }
                  },
              .call = [&] { return pin(handles); },
              .after =
                  [&] {
                      drop_buffer();
                      for (Bo &other : others)
                          other = Bo();
                  },
              .pages_may_stay = true,
              .failed =
                  [&] {
                      for (const Bo &other : others)
                          EXPECT_EQ(other.query().pins, 0U);
                  }});
}

// A long pin that failed has not only left the buffer unpinned: the kernel can
// still move what is in it.
class FaultLongPin : public Fault {
protected:
    void survives_long_pin(std::size_t resident) {
        std::vector<std::uint32_t> handles;
        std::uint64_t id = 0;
        survives({.before =
                      [&] {
                          make_buffer(PAGES, resident);
                          handles = {bo.handle()};
                          id = support::object_ids().back();
                      },
                  .call = [&] { return pin(handles, GPUMEM_PIN_LONGTERM); },
                  .after =
                      [&] {
                          EXPECT_TRUE(is_intact());
                          drop_buffer();
                      },
                  .failed =
                      [&] {
                          if (resident) {
                              EXPECT_TRUE(support::moves(id));
                          }
                          EXPECT_TRUE(is_intact());
                      }});
    }
};

TEST_F(FaultLongPin, OfANewBuffer) {
    survives_long_pin(0);
}

TEST_F(FaultLongPin, OfPagesThatAreReplaced) {
    survives_long_pin(PAGES);
}

TEST_F(FaultLongPin, OfPagesThatAreReplacedAndSomeThatAreMissing) {
    survives_long_pin(PAGES / 2);
}

class FaultUnpin : public Fault {
protected:
    void survives_unpin(std::size_t times, const std::set<int> &errors) {
        std::vector<std::uint32_t> handles;
        survives({.before =
                      [&] {
                          make_buffer(4);
                          handles.assign(times, bo.handle());
                          ASSERT_EQ(pin(handles), 0);
                      },
                  .call =
                      [&] {
                          auto args = pin_args(handles);
                          return ioctl(DRM_IOCTL_GPUMEM_UNPIN, &args);
                      },
                  .after =
                      [&] {
                          EXPECT_EQ(bo.query().pins, 0U);
                          drop_buffer();
                      },
                  .errors = errors});
    }
};

TEST_F(FaultUnpin, OfFewHandles) {
    survives_unpin(1, {});
    survives_unpin(8, {});
}

// It may lack the memory to copy the array, and does nothing then. For one larger
// than a page the kernel tries twice.
TEST_F(FaultUnpin, OfAnArray) {
    survives_unpin(100, {ENOMEM});
    survives_unpin(600, {ENOMEM});
    EXPECT_GT(failed_calls(), 0U);
}

// The account is that of a user whose limit is this one buffer, so that
// whatever a pin that failed keeps of it is missing when it is made again.
class FaultPinLimit : public Fault {
protected:
    static constexpr rlim_t BYTES = MANY_PAGES * PAGE;

    void SetUp() override {
        Fault::SetUp();
        if (IsSkipped())
            return;
        ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &old_), 0);
        const rlimit limit{BYTES, old_.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &limit), 0);
        may_pin_without_limit(false);
        limited_ = true;
    }
    void TearDown() override {
        if (limited_) {
            may_pin_without_limit(true);
            EXPECT_EQ(::setrlimit(RLIMIT_MEMLOCK, &old_), 0);
        }
        Fault::TearDown();
    }

private:
    // Of this thread; what is permitted can be had back.
    static void may_pin_without_limit(bool may) {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
        ASSERT_EQ(::syscall(SYS_capget, &header, data), 0);
        if (may)
            data[0].effective |= 1U << CAP_IPC_LOCK;
        else
            data[0].effective &= ~(1U << CAP_IPC_LOCK);
        ASSERT_EQ(::syscall(SYS_capset, &header, data), 0);
    }

    rlimit old_{};
    bool limited_ = false;
};

TEST_F(FaultPinLimit, InAPinOfAllThatTheUserMayPin) {
    std::vector<std::uint32_t> handles;
    for (const std::uint32_t flags : {0U, GPUMEM_PIN_LONGTERM + 0U})
        survives({.before =
                      [&] {
                          make_buffer(MANY_PAGES);
                          handles = {bo.handle()};
                      },
                  .call = [&] { return pin(handles, flags); },
                  .after =
                      [&] {
                          const Bo more = device.create(PAGE);
                          const std::vector others{more.handle()};
                          EXPECT_EQ(pin(others), ENOMEM);
                          drop_buffer();
                      }});
    EXPECT_GT(failed_calls(), 0U);
}

} // namespace
