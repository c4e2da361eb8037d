// SPDX-License-Identifier: MIT
#include "support/page_leaks.hpp"

#include "support/kernel_config.hpp"
#include "support/page_owner.hpp"

namespace support {

void PageLeaks::SetUp() {
    if (page_owner_is_on())
        before_ = pages_of_gpumem();
    else if (is_configured("KASAN").value_or(false))
        ADD_FAILURE() << "the debug kernel is not told page_owner=on";
}

void PageLeaks::TearDown() {
    if (!page_owner_is_on())
        return;
    for (const auto &[trace, pages] : pages_of_gpumem())
        if (pages > before_[trace])
            ADD_FAILURE() << pages - before_[trace] << " pages are lost:\n"
                          << trace;
}

} // namespace support
