// SPDX-License-Identifier: MIT
// The device and buffers of libgpumem as the verbs use them: owning handles
// whose failures are tool::failure.
#pragma once

#include "gpumem/gpumem.h"

#include <cstdint>
#include <memory>
#include <string>

namespace tool {

struct bo_deleter {
    void operator()(gpumem_bo *bo) const { gpumem_bo_destroy(bo); }
};
struct device_deleter {
    void operator()(gpumem_device *dev) const { gpumem_device_close(dev); }
};
using bo_ptr = std::unique_ptr<gpumem_bo, bo_deleter>;
using device_ptr = std::unique_ptr<gpumem_device, device_deleter>;

// @path: a device node, or empty to look for the driver by name.
device_ptr open_device(const std::string &path);
// Nothing if no gpumem driver is loaded.
device_ptr open_device_if_there();

gpumem_device_stats device_stats(gpumem_device *dev);

} // namespace tool
