// SPDX-License-Identifier: MIT
// Without memory: the operations of a dma-buf that importers' drivers call.
#include "fault_share.hpp"

#include "support/test_importer.hpp"

#include <optional>
#include <set>
#include <string>

using support::TestImporter;

namespace {

// What an importer's driver asks of the exporter: @call after @needs.
class FaultImporter : public FaultShare {
protected:
    struct Asked {
        std::string kind = "told";
        std::string needs = {};
        std::string call = {};
        // A buffer that has to be made resident first.
        bool fills = false;
        Contents contents = Contents::resident;
        std::set<int> errors = {ENOMEM};
    };

    void survives_asking(const Asked &asked) {
        std::optional<TestImporter> importer;
        const bool attaches = asked.call == "attach";
        std::string command;
        survives({.before =
                      [&] {
                          make_dmabuf(asked.contents);
                          const std::string attach =
                              "attach " + std::to_string(dmabuf.fd()) + " " +
                              asked.kind;
                          importer.emplace();
                          if (!attaches) {
                              ASSERT_EQ((*importer)(attach), 0);
                          }
                          if (!asked.needs.empty()) {
                              ASSERT_EQ((*importer)(asked.needs), 0);
                          }
                          command = attaches ? attach : asked.call;
                      },
                  .call = [&] { return (*importer)(command); },
                  .after =
                      [&] {
                          // Some kernels map at an attach, others later.
                          if (asked.fills && !attaches) {
                              EXPECT_EQ(bo.query().resident_pages,
                                        SHARED_PAGES);
                          }
                          EXPECT_TRUE(is_intact());
                          importer.reset();
                          drop_dmabuf();
                      },
                  .errors = asked.errors,
                  .pages_may_stay = asked.fills});
    }
    // @call needs pages: with a buffer that has them, one that has none yet, and
    // one whose pages have to come back.
    void survives_filling(Asked asked) {
        asked.fills = true;
        for (const Contents contents : EACH_CONTENTS) {
            asked.contents = contents;
            survives_asking(asked);
        }
    }
};

TEST_F(FaultImporter, InAttach) {
    survives_asking({.call = "attach"});
}

// Which may pin, and map at once.
TEST_F(FaultImporter, InAttachOfAnImporterThatIsNotTold) {
    survives_filling({.kind = "static", .call = "attach"});
}

TEST_F(FaultImporter, InDetach) {
    survives_asking({.call = "detach", .errors = {}});
}

TEST_F(FaultImporter, InMap) {
    survives_filling({.call = "map"});
}

TEST_F(FaultImporter, InMapOfAnImporterThatIsNotTold) {
    survives_filling({.kind = "static", .call = "map"});
}

TEST_F(FaultImporter, InUnmap) {
    survives_asking({.needs = "map", .call = "unmap", .errors = {}});
}

TEST_F(FaultImporter, InPin) {
    survives_filling({.call = "pin"});
}

TEST_F(FaultImporter, InUnpin) {
    survives_asking({.needs = "pin", .call = "unpin", .errors = {}});
}

TEST_F(FaultImporter, InVmap) {
    survives_filling({.call = "vmap"});
}

TEST_F(FaultImporter, InVunmap) {
    survives_asking({.needs = "vmap", .call = "vunmap", .errors = {}});
}

} // namespace
