// SPDX-License-Identifier: MIT
// An importer of dma-bufs that does as it is told:
// tests/kmod/gpumem_test_importer.c, which lists the commands.
#pragma once

#include "support/system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace support {

class TestImporter {
public:
    TestImporter() {
        load_test_module("gpumem_test_importer");
        fd_ = ::open("/sys/kernel/debug/gpumem_test_importer",
                     O_RDWR | O_CLOEXEC);
        if (fd_ < 0)
            throw std::runtime_error("the importer does not open");
    }
    TestImporter(int dmabuf, const std::string &kind) : TestImporter() {
        if ((*this)("attach " + std::to_string(dmabuf) + " " + kind))
            throw std::runtime_error("the importer does not attach");
    }
    TestImporter(const TestImporter &) = delete;
    TestImporter &operator=(const TestImporter &) = delete;
    ~TestImporter() { ::close(fd_); }

    // 0 or the errno.
    int operator()(const std::string &command) const {
        return ::write(fd_, command.data(), command.size()) < 0 ? errno : 0;
    }
    [[nodiscard]] std::uint64_t get(const std::string &word) const {
        char text[256] = "";
        if (::pread(fd_, text, sizeof text - 1, 0) < 0)
            throw std::runtime_error("the importer says nothing");
        std::istringstream lines(text);
        std::map<std::string, std::uint64_t> all;
        std::string name;
        for (std::uint64_t value = 0; lines >> name >> value;)
            all[name] = value;
        return all.at(word);
    }

private:
    int fd_ = -1;
};

} // namespace support
