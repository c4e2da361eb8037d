// SPDX-License-Identifier: MIT
// The errors that gpumem_drm.h documents for each ioctl of the driver.
#pragma once

namespace fuzz {

// Whether ioctl number @nr (without DRM_COMMAND_BASE) may answer @error.
// @longterm: a pin with GPUMEM_PIN_LONGTERM.
bool may_answer(unsigned nr, int error, bool longterm);

} // namespace fuzz
