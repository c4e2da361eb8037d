// SPDX-License-Identifier: MIT
// Runs the guest tests; each fails if the kernel reports a bug meanwhile.
#include "support/kernel_log.hpp"
#include "support/page_leaks.hpp"
#include "support/system.hpp"

#include <exception>
#include <iostream>

int main(int argc, char **argv) {
    testing::InitGoogleTest(&argc, argv);
    if (testing::GTEST_FLAG(list_tests))
        return RUN_ALL_TESTS();
    try {
        // Tests say when pages move. The kernel does it by itself now and then,
        // in the middle of one that compares where they are.
        support::write_file("/proc/sys/vm/compaction_proactiveness", "0");
        // Likewise what is idle.
        support::write_file("/sys/module/gpumem_helper/parameters/store_idle",
                            "0");
        testing::UnitTest::GetInstance()->listeners().Append(
            new support::KernelLogListener);
        testing::AddGlobalTestEnvironment(new support::PageLeaks);
    } catch (const std::exception &error) {
        std::cerr << "gpumem-guest-tests: " << error.what() << '\n';
        return 2;
    }
    return RUN_ALL_TESTS();
}
