// SPDX-License-Identifier: MIT
#include "support/page_leaks.hpp"

#include "support/kernel_config.hpp"

namespace support {

void PageLeaks::SetUp() {
    account_.emplace();
    if (!page_owner_is_on() && is_configured("KASAN").value_or(false))
        ADD_FAILURE() << "the debug kernel is not told page_owner=on";
}

void PageLeaks::TearDown() {
    for (const std::string &what : account_->lost())
        ADD_FAILURE() << what;
}

} // namespace support
