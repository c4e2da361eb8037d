// SPDX-License-Identifier: MIT
// What an operation that did not succeed may say for itself. Anything else is a
// failure of the run.
#pragma once

#include "stress/refusals.hpp"
#include "stress/totals.hpp"
#include "support/system.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <sys/types.h>

namespace stress {

class Excuses {
public:
    // @limited: the process lives in a group that has too little memory for it.
    Excuses(Totals &totals, const Refusals &refusals, bool limited)
        : totals_(totals), refusals_(refusals), limited_(limited) {}

    // An operation begins.
    void begin() {
        shortages_ = totals_.shortages;
        begun_ = Refusals::clock::now();
        if (totals_.others && !limited_)
            look_at_others(GLANCE);
    }

    // For ENOMEM: memory may have been short since.
    [[nodiscard]] bool memory_was_short() const {
        return limited_ || shortages_ % 2 || shortages_ != totals_.shortages ||
               (totals_.others && others_took_memory());
    }

    // The device is being unplugged.
    [[nodiscard]] bool device_is_gone() const {
        if (totals_.gone)
            ++totals_.met_gone;
        return totals_.gone;
    }

    // For a page that @thread, or the kernel for it, could not touch: what is
    // wrong with it, empty if the driver had no memory when there was none.
    [[nodiscard]] std::string_view page_was_refused(pid_t thread) const {
        // Before the search, which takes a while.
        const bool was_short = memory_was_short();
        if (!refusals_.told(thread, begun_))
            return "the driver has not said that it had no memory for it";
        if (!was_short)
            return "the driver said that it had no memory, which was not short";
        ++totals_.pages_refused;
        return {};
    }

    // By the OOM killer.
    [[nodiscard]] bool was_killed(pid_t process) const {
        return refusals_.killed(process);
    }

private:
    // Since the operation began, or a little earlier: they give memory back
    // before anybody hears of a call that got none.
    [[nodiscard]] bool others_took_memory() const {
        look_at_others({});
        return totals_.others_took.load() + GRACE >= begun_;
    }

    // Unless somebody did so less than @age ago: there are many operations.
    void look_at_others(Refusals::clock::duration age) const {
        const auto now = Refusals::clock::now();
        if (now - totals_.others_looked_at.load() < age)
            return;
        totals_.others_looked_at = now;
        if (others_take_memory())
            totals_.others_took = now;
    }

    // Who else is at work, such as gpumem storm, takes it as huge pages.
    [[nodiscard]] static bool others_take_memory() {
        const auto is = [](const char *key) {
            return support::value_of("/proc/meminfo", key);
        };
        return is("HugePages_Total:") || is("MemAvailable:") < SHORT_KIB;
    }

    static constexpr std::uint64_t SHORT_KIB = 64 << 10;
    static constexpr std::chrono::milliseconds GLANCE{10};
    static constexpr std::chrono::seconds GRACE{2};

    Totals &totals_;
    const Refusals &refusals_;
    bool limited_;
    std::uint64_t shortages_ = 0;
    Refusals::clock::time_point begun_;
};

} // namespace stress
