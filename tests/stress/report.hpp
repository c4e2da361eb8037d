// SPDX-License-Identifier: MIT
// Says what went wrong so that somebody can look into it.
#pragma once

#include "stress/stamp.hpp"
#include "stress/totals.hpp"

#include <cstdint>
#include <string>

namespace stress {

// Records what the driver does until it is destroyed; a report shows its end.
class Trace {
public:
    Trace();
    Trace(const Trace &) = delete;
    Trace &operator=(const Trace &) = delete;
    ~Trace();
};

class Report {
public:
    Report(Totals &totals, std::uint64_t seed) : totals_(totals), seed_(seed) {}

    // Anything but a wrong byte or place. What comes first is also kept.
    void failed(const std::string &what) const;

    // @page, which may be a copy of what lies at @mapping, reads other than
    // @stamp from @word on, and the driver has the page in @frame, 0 if it has
    // none. Prints the page frame of the mapping, null if there is none, too,
    // and whose the driver says that it is.
    void wrong(const std::byte *page, const Stamp &stamp, std::ptrdiff_t word,
               const std::byte *mapping, std::uint64_t frame,
               const std::string &where) const;

    // The page of the driver's @object was pinned in frame @was and is in @is.
    void moved(const Stamp &page, std::uint64_t was, std::uint64_t is,
               std::uint64_t object) const;

private:
    // What the driver recorded of @object, and the end of all that it recorded.
    static void show_trace(std::uint64_t object);

    Totals &totals_;
    std::uint64_t seed_;
};

} // namespace stress
