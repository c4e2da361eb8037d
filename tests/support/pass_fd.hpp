// SPDX-License-Identifier: MIT
// A descriptor that goes to another process through a socket.
#pragma once

#include <gpumem/gpumem.hpp>

namespace support {

// Both throw std::system_error.
void send_fd(int socket, int fd);
gpumem::UniqueFd receive_fd(int socket);

} // namespace support
