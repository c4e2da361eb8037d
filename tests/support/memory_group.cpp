// SPDX-License-Identifier: MIT
#include "support/memory_group.hpp"

#include "support/system.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace support {
namespace {

void check(int result, const std::string &what) {
    if (result)
        throw std::runtime_error(what + ": " + std::strerror(errno));
}

} // namespace

MemoryGroup::MemoryGroup()
    : root_("/tmp/gpumem-cgroup-" + std::to_string(::getpid())),
      path_(root_ + "/group") {
    check(::mkdir(root_.c_str(), 0700), root_);
    check(::mount("none", root_.c_str(), "cgroup2", 0, nullptr), "cgroup2");
    write_file(root_ + "/cgroup.subtree_control", "+memory");
    check(::mkdir(path_.c_str(), 0700), path_);
}

MemoryGroup::~MemoryGroup() {
    ::rmdir(path_.c_str());
    ::umount(root_.c_str());
    ::rmdir(root_.c_str());
}

void MemoryGroup::limit(std::uint64_t bytes) const {
    write_file(path_ + "/memory.max", std::to_string(bytes));
}

void MemoryGroup::enter() const {
    write_file(path_ + "/cgroup.procs", std::to_string(::getpid()));
}

std::uint64_t MemoryGroup::get(const std::string &file,
                               const std::string &key) const {
    return value_of(path_ + "/" + file, key);
}

std::uint64_t MemoryGroup::usage() const {
    return std::stoull(read_file(path_ + "/memory.current"));
}

std::uint64_t MemoryGroup::peak() const {
    return std::stoull(read_file(path_ + "/memory.peak"));
}

} // namespace support
