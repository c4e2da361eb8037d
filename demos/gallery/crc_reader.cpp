// SPDX-License-Identifier: MIT
#include "crc_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "error.hpp"
#include "kms.hpp"

namespace gallery {

CrcReader::CrcReader(const std::string &directory)
    : data_path_(directory + "data") {
    const std::string path = directory + "control";
    const gpumem::UniqueFd control(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!control || ::write(control.get(), "auto", 4) != 4)
        throw errno_error("cannot write " + path + " (needs root and debugfs)");
}

void CrcReader::stop() {
    data_.reset();
    text_.clear();
}

std::string CrcReader::after(unsigned vblank) {
    // vkms ends computing CRCs when it cleans up after a write-back, which it
    // does at a time of its own: after a silence, ask again.
    constexpr int kSilenceMs = 500;
    int silent_ms = 0;
    for (;;) {
        // Lines of "0xVBLANK 0xCRC". The vblank of the flip itself is passed
        // over: only a later one is sure to show the new buffer alone.
        for (std::size_t end = text_.find('\n'); end != std::string::npos;
             end = text_.find('\n')) {
            const std::string line = text_.substr(0, end);
            text_.erase(0, end + 1);
            const std::size_t space = line.find(' ');
            // "XXXXXXXXXX" stands for a vblank without a number.
            if (space == std::string::npos || !line.starts_with("0x"))
                continue;
            const auto number = static_cast<unsigned>(
                std::stoul(line.substr(0, space), nullptr, 16));
            if (static_cast<int>(number - vblank) > 0)
                return line.substr(space + 1);
        }
        if (!data_)
            data_.reset(::open(data_path_.c_str(), O_RDONLY | O_CLOEXEC));
        if (!data_)
            throw errno_error("cannot open " + data_path_);
        pollfd ready{data_.get(), POLLIN, 0};
        const int got = ::poll(&ready, 1, kSilenceMs);
        if (got < 0 && errno != EINTR)
            throw errno_error("waiting for a CRC");
        if (got == 0) {
            silent_ms += kSilenceMs;
            if (silent_ms >= kDisplayWaitMs)
                throw Error("the display gives no CRC");
            stop();
        }
        if (got <= 0)
            continue;
        std::array<char, 4096> some{};
        const ssize_t bytes = ::read(data_.get(), some.data(), some.size());
        if (bytes < 0 && errno != EINTR && errno != EAGAIN)
            throw errno_error("reading a CRC");
        // Each read gives one line and a 0 after it.
        for (ssize_t i = 0; i < bytes; i++)
            if (some[static_cast<std::size_t>(i)])
                text_ += some[static_cast<std::size_t>(i)];
    }
}

} // namespace gallery
