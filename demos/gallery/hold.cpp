// SPDX-License-Identifier: MIT
#include "hold.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "error.hpp"

namespace gallery {

namespace {

volatile std::sig_atomic_t stop = 0;

} // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { stop = 1; };
    action.sa_flags = SA_RESTART;
    for (const int signal : {SIGTERM, SIGINT})
        sigaction(signal, &action, nullptr);
}

bool stop_requested() {
    return stop != 0;
}

void check_hold_file(const std::string &path) {
    if (::access(path.c_str(), F_OK))
        throw errno_error("--hold-file: " + path);
}

void hold_while_exists(const std::string &path) {
    while (!stop_requested() && ::access(path.c_str(), F_OK) == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

} // namespace gallery
