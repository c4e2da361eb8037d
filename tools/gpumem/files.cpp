// SPDX-License-Identifier: MIT
#include "files.hpp"

#include "error.hpp"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>

namespace tool {
namespace {

class unique_fd {
public:
    explicit unique_fd(int fd) : fd_(fd) {}
    ~unique_fd() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    unique_fd(const unique_fd &) = delete;
    unique_fd &operator=(const unique_fd &) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

} // namespace

std::optional<std::string> read_text_if_there(const std::string &path) {
    unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) {
        if (errno == ENOENT)
            return std::nullopt;
        throw errno_failure(path, errno);
    }
    std::string text;
    char chunk[65536];
    for (;;) {
        const ssize_t n = ::read(fd.get(), chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw errno_failure(path, errno);
        if (n == 0)
            return text;
        text.append(chunk, static_cast<std::size_t>(n));
    }
}

std::string read_text(const std::string &path) {
    auto text = read_text_if_there(path);
    if (!text)
        throw errno_failure(path, ENOENT);
    return std::move(*text);
}

void write_text(const std::string &path, const std::string &text) {
    unique_fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (fd.get() < 0)
        throw errno_failure(path, errno);
    // One write: sysctl files take the whole value at once.
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0)
        throw errno_failure("writing " + path, errno);
    if (static_cast<std::size_t>(n) != text.size())
        throw failure("writing " + path + ": only part was taken");
}

std::uint64_t read_number(const std::string &path) {
    const std::string text = read_text(path);
    std::uint64_t value = 0;
    auto [end, err] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (err != std::errc() || end == text.data())
        throw failure(path + ": no number in it");
    return value;
}

std::uint64_t keyed_number(const std::string &text, const std::string &key) {
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string word;
        std::uint64_t value = 0;
        if (words >> word >> value && (word == key || word == key + ":"))
            return value;
    }
    throw failure("no line '" + key + "'");
}

} // namespace tool
