// SPDX-License-Identifier: MIT
#include "device.hpp"

#include "error.hpp"

#include <cerrno>

namespace tool {

device_ptr open_device(const std::string &path) {
    gpumem_device *dev = nullptr;
    const int err =
        gpumem_device_open(path.empty() ? nullptr : path.c_str(), &dev);
    if (err == -ENODEV && path.empty())
        throw failure("no gpumem device here: is the module gpumem loaded?");
    if (err == -ENODEV)
        throw failure(path + ": not a gpumem device");
    if (err)
        throw errno_failure(path.empty() ? "opening the gpumem device" : path,
                            err);
    return device_ptr(dev);
}

device_ptr open_device_if_there() {
    gpumem_device *dev = nullptr;
    const int err = gpumem_device_open(nullptr, &dev);
    if (err == -ENODEV)
        return nullptr;
    if (err)
        throw errno_failure("opening the gpumem device", err);
    return device_ptr(dev);
}

gpumem_device_stats device_stats(gpumem_device *dev) {
    gpumem_device_stats stats{};
    stats.size = sizeof(stats);
    if (int err = gpumem_device_query(dev, &stats))
        throw errno_failure("reading the device's counters", err);
    return stats;
}

} // namespace tool
