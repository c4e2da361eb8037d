// SPDX-License-Identifier: MIT
// Reads the CRCs that vkms computes of what it shows, one for each vblank.
#pragma once

#include <gpumem/gpumem.hpp>

#include <string>

namespace gallery {

class CrcReader {
public:
    // directory: of the CRTC's CRCs in debugfs, with a slash at the end.
    explicit CrcReader(const std::string &directory);

    // The CRC of a vblank later than this one. The CRTC must be active.
    std::string after(unsigned vblank);

    // Computing CRCs ends until the next after().
    void stop();

private:
    std::string data_path_;
    gpumem::UniqueFd data_;
    std::string text_; // read but not used yet
};

} // namespace gallery
