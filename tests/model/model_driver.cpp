// SPDX-License-Identifier: MIT
#include "model/model_driver.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <limits>

namespace model {

// Never the same twice, and offsets a buffer apart.
Answer ModelDriver::choice() {
    ++choices_;
    Answer chosen;
    chosen.values = {{"handle", choices_},
                     {"offset", choices_ * MAX_PAGES * support::PAGE},
                     {"inode", choices_},
                     {"name", choices_},
                     {"retained", 1},
                     {"moved", 1},
                     {"cold", std::numeric_limits<std::uint64_t>::max()}};
    return chosen;
}

Answer ModelDriver::run(const Operation &operation) {
    if (operation.kind == Kind::shrink)
        model_.purge_all();
    return model_.predict(operation, choice());
}

int ModelDriver::error(const Operation &operation) {
    Model copy = model_;
    return copy.predict(operation, choice()).error;
}

bool ModelDriver::makes_sense(const Operation &operation) {
    if (model_.skips(operation))
        return false;
    const int said = error(operation);
    if (operation.kind == Kind::flink || operation.kind == Kind::open_name)
        return !said;
    return said != EBADF && said != ENOENT && said != EINVAL && said != E2BIG &&
           said != EFAULT;
}

bool ModelDriver::lets_purge(const Operation &operation) {
    Model copy = model_;
    copy.predict(operation, choice());
    const auto before = copy.counts().purges;
    copy.purge_all();
    return copy.counts().purges > before;
}

bool ModelDriver::compresses(const Operation &operation) {
    Model copy = model_;
    return copy.predict(operation, choice()).value("cold") != 0;
}

bool ModelDriver::replaces_pages(const Operation &operation) {
    Model copy = model_;
    const auto before = copy.counts();
    copy.predict(operation, choice());
    return copy.counts().long_pins > before.long_pins ||
           copy.counts().attaches > before.attaches;
}

} // namespace model
