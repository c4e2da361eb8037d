// SPDX-License-Identifier: MIT
// Waiting for the one who runs the demo: signals that end it, and a file that
// keeps everything allocated as long as it exists.
#pragma once

#include <string>

namespace gallery {

// From now on SIGTERM and SIGINT are noted rather than deadly.
void catch_stop_signals();
bool stop_requested();

// Throws if the file does not exist.
void check_hold_file(const std::string &path);

// Returns when the file is gone or a signal asks to stop.
void hold_while_exists(const std::string &path);

} // namespace gallery
