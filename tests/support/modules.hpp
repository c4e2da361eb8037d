// SPDX-License-Identifier: MIT
// Taking the driver's modules out and putting them back as they were. GPUMEM_KO
// names the driver's file; tools/vm sets it.
#pragma once

#include "support/system.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace support {

// The file of a module that lies beside the driver's.
inline std::string module_file(const std::string &name) {
    const char *driver = std::getenv("GPUMEM_KO");
    if (!driver)
        throw std::runtime_error("GPUMEM_KO is not set");
    return std::filesystem::path(driver).replace_filename(name + ".ko");
}

// Loads a module with the parameters that it has now.
inline std::string insmod_as_it_is(const std::string &name) {
    std::string command = "insmod " + module_file(name);
    for (const auto &each : std::filesystem::directory_iterator(
             "/sys/module/" + name + "/parameters")) {
        std::string value = read_file(each.path());
        value.pop_back(); // the line's end
        command += " " + each.path().filename().string() + "=" + value;
    }
    return command;
}

// So that the helper knows nothing any more. Nobody may have the device open.
inline void reload_gpumem() {
    const std::string helper = insmod_as_it_is("gpumem_helper");
    const std::string driver = insmod_as_it_is("gpumem");
    for (const std::string &command : {std::string("rmmod gpumem"),
                                       std::string("rmmod gpumem_helper"),
                                       helper, driver})
        if (shell(command))
            throw std::runtime_error("'" + command + "' failed");
}

} // namespace support
