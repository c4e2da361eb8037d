// SPDX-License-Identifier: MIT
// The walk through the gallery, frame after frame, and what is written of it.
#pragma once

#include <string>

namespace gallery {

struct Options {
    unsigned frames = 300;
    std::string size = "640x480";
    std::string out = "out/gallery";
    std::string data = "/usr/share/glmark2";
    std::string hold_file;
    std::string import = "host"; // or "dmabuf"
    unsigned budget = 96;        // MiB
    unsigned png_every = 0;
    bool no_display = false;
    bool validate = false;
    bool progress = false;
};

// Returns or throws an Error with one of ExitCode.
int walk(const Options &options);

} // namespace gallery
