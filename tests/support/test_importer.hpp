// SPDX-License-Identifier: MIT
// The importer of dma-bufs that tests/kmod/gpumem_test_importer.c is.
#pragma once

#include <gpumem/gpumem.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace support {

class TestImporter {
public:
    // Of no dma-buf yet; loads the module if it is not there.
    TestImporter();
    // Attaches to the dma-buf as "static", "told", "lazy" or "stuck". Throws
    // std::system_error with the errno.
    TestImporter(int dmabuf, const std::string &kind);

    // Gives a command; 0 or the errno.
    int operator()(const std::string &command) const;

    // What the importer tells: words and the numbers after them.
    [[nodiscard]] std::map<std::string, std::uint64_t> get_all() const;
    [[nodiscard]] std::uint64_t get(const std::string &word) const {
        return get_all().at(word);
    }

private:
    gpumem::UniqueFd fd_;
};

} // namespace support
