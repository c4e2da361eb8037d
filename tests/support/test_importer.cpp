// SPDX-License-Identifier: MIT
#include "support/test_importer.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace support {

TestImporter::TestImporter() {
    load_test_module("gpumem_test_importer");
    fd_ = gpumem::UniqueFd(::open("/sys/kernel/debug/gpumem_test_importer",
                                  O_RDWR | O_CLOEXEC));
    if (!fd_)
        throw std::system_error(errno, std::generic_category(),
                                "the importer does not open");
}

TestImporter::TestImporter(int dmabuf, const std::string &kind) : TestImporter() {
    const int error = (*this)("attach " + std::to_string(dmabuf) + " " + kind);
    if (error)
        throw std::system_error(error, std::generic_category(),
                                "the importer does not attach");
}

int TestImporter::operator()(const std::string &command) const {
    return ::write(fd_.get(), command.data(), command.size()) < 0 ? errno : 0;
}

std::map<std::string, std::uint64_t> TestImporter::get_all() const {
    char text[256] = "";
    if (::pread(fd_.get(), text, sizeof text - 1, 0) < 0)
        throw std::runtime_error("the importer says nothing");
    std::istringstream lines(text);
    std::map<std::string, std::uint64_t> all;
    std::string name;
    for (std::uint64_t value = 0; lines >> name >> value;)
        all[name] = value;
    return all;
}

} // namespace support
