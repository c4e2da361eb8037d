// SPDX-License-Identifier: MIT
#include "support/pass_fd.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace support {
namespace {

// A message of one byte with room for one descriptor.
struct Message {
    Message() {
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
    }
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
};

} // namespace

void send_fd(int socket, int fd) {
    Message message;
    cmsghdr *const rights = CMSG_FIRSTHDR(&message.header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fd));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    if (::sendmsg(socket, &message.header, 0) != 1)
        throw std::system_error(errno, std::generic_category(), "sendmsg");
}

gpumem::UniqueFd receive_fd(int socket) {
    Message message;
    const auto got = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
    const cmsghdr *const rights = CMSG_FIRSTHDR(&message.header);
    if (got != 1 || !rights || rights->cmsg_type != SCM_RIGHTS)
        throw std::system_error(got < 0 ? errno : EPROTO,
                                std::generic_category(), "recvmsg");
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
    return gpumem::UniqueFd(fd);
}

} // namespace support
