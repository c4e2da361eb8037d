// SPDX-License-Identifier: MIT
// Every ioctl of the driver and every operation of its dma-bufs has a trial
// without memory: a new one without fails here. Needs no fault injection.
#include "support/system.hpp"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <string>

namespace {

using Trials = std::map<std::string, std::set<std::string>>;

// By the name in DRM_IOCTL_GPUMEM_*.
const Trials IOCTLS{
    {"CREATE", {"Fault.InCreate"}},
    {"MMAP_OFFSET", {"Fault.InMmapOffset"}},
    {"PIN",
     {"Fault.InPin", "Fault.InPinOfAnArray", "FaultLongPin.OfANewBuffer",
      "FaultPinLimit.InAPinOfAllThatTheUserMayPin", "FaultCold.InAPin",
      "FaultForeign.InPinAndUnpin/vgem"}},
    {"UNPIN",
     {"FaultUnpin.OfFewHandles", "FaultUnpin.OfAnArray",
      "FaultForeign.InPinAndUnpin/vgem"}},
    {"QUERY", {"Fault.InQuery"}},
    {"STATS", {"Fault.InStats"}},
    {"MADVISE", {"Fault.InMadvise", "FaultCold.InAdvice"}},
    {"COMPACT",
     {"Fault.InCompact", "FaultFirstCompact.AfterTheHelperWasLoaded"}},
};

// By the member of struct dma_buf_ops.
const Trials OPERATIONS{
    {"pin",
     {"FaultImporter.InPin", "FaultCold.InAnImportersMap",
      "FaultImporter.InAttachOfAnImporterThatIsNotTold"}},
    {"unpin", {"FaultImporter.InUnpin", "FaultImporter.InDetach"}},
    {"map_dma_buf", {"FaultImporter.InMap", "FaultCold.InAnImportersMap"}},
    {"unmap_dma_buf", {"FaultImporter.InUnmap"}},
    {"begin_cpu_access", {"FaultShare.InCpuAccess"}},
    {"end_cpu_access", {"FaultShare.InCpuAccess"}},
    {"release",
     {"FaultShare.InTheLastCloseOfADmaBuf",
      "FaultShare.InTheLastCloseOfAHandle"}},
    {"mmap",
     {"FaultMapped.InMmapOfTheDmaBuf", "FaultMapped.InAReadFault",
      "FaultMapped.InAWriteFault", "FaultCold.InATouch"}},
    {"vmap", {"FaultImporter.InVmap", "FaultCold.InAnImportersMap"}},
    {"vunmap", {"FaultImporter.InVunmap"}},
};

std::set<std::string> all_tests() {
    std::set<std::string> names;
    const auto *all = testing::UnitTest::GetInstance();
    for (int i = 0; i < all->total_test_suite_count(); ++i) {
        const auto *suite = all->GetTestSuite(i);
        for (int j = 0; j < suite->total_test_count(); ++j)
            names.insert(std::string(suite->name()) + "." +
                         suite->GetTestInfo(j)->name());
    }
    return names;
}

// The first group of each match.
std::set<std::string> found(const std::string &text, const std::regex &what) {
    return {std::sregex_token_iterator(text.begin(), text.end(), what, 1),
            std::sregex_token_iterator()};
}

void expect_all_tried(const std::set<std::string> &names,
                      const Trials &trials) {
    ASSERT_FALSE(names.empty());
    const auto tests = all_tests();
    for (const std::string &name : names)
        EXPECT_TRUE(trials.contains(name)) << name << " has no trial";
    for (const auto &[name, tried_by] : trials) {
        EXPECT_TRUE(names.contains(name)) << name << " is no more";
        EXPECT_FALSE(tried_by.empty()) << name;
        for (const std::string &test : tried_by)
            EXPECT_TRUE(tests.contains(test)) << test << " is no test";
    }
}

TEST(FaultList, HasEveryIoctlOfTheDriver) {
    expect_all_tried(
        found(support::read_file(GPUMEM_UAPI),
              std::regex("#define[ \t]+DRM_IOCTL_GPUMEM_([A-Z_0-9]+)")),
        IOCTLS);
}

TEST(FaultList, HasEveryOperationOfADmaBuf) {
    const std::string source = support::read_file(GPUMEM_EXPORTER);
    const auto start = source.find("struct dma_buf_ops gpumem_dma_buf_ops = {");
    ASSERT_NE(start, std::string::npos);
    expect_all_tried(
        found(source.substr(start, source.find("};", start) - start),
              std::regex("[.]([a-z_]+)[ ]*=")),
        OPERATIONS);
}

} // namespace
