// SPDX-License-Identifier: MIT
// Runs the guest tests; each fails if the kernel reports a bug meanwhile.
#include "support/kernel_log.hpp"
#include "support/page_leaks.hpp"

#include <exception>
#include <iostream>

int main(int argc, char **argv) {
    testing::InitGoogleTest(&argc, argv);
    if (testing::GTEST_FLAG(list_tests))
        return RUN_ALL_TESTS();
    try {
        testing::UnitTest::GetInstance()->listeners().Append(
            new support::KernelLogListener);
        testing::AddGlobalTestEnvironment(new support::PageLeaks);
    } catch (const std::exception &error) {
        std::cerr << "gpumem-guest-tests: " << error.what() << '\n';
        return 2;
    }
    return RUN_ALL_TESTS();
}
