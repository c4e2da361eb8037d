// SPDX-License-Identifier: MIT
// Says what went wrong so that somebody can look into it.
#pragma once

#include "stress/stamp.hpp"
#include "stress/totals.hpp"

#include <cstdint>
#include <string>

namespace stress {

class Report {
public:
    Report(Totals &totals, std::uint64_t seed) : totals_(totals), seed_(seed) {}

    // Anything but a wrong byte.
    void failed(const std::string &what) const;

    // @page reads other than @stamp from @word on. Prints the page frame that the
    // mapping has, and whose the driver says that it is.
    void wrong(const std::byte *page, const Stamp &stamp, std::ptrdiff_t word,
               const std::string &where) const;

private:
    Totals &totals_;
    std::uint64_t seed_;
};

} // namespace stress
