// SPDX-License-Identifier: MIT
#include "fuzz/documented.hpp"

#include <drm/gpumem_drm.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>

namespace fuzz {
namespace {

bool is_in(std::initializer_list<int> errors, int error) {
    return std::ranges::find(errors, error) != errors.end();
}

} // namespace

bool may_answer(unsigned nr, int error, bool longterm) {
    switch (nr) {
    case DRM_GPUMEM_CREATE:
        return is_in({EINVAL, ENOMEM}, error);
    case DRM_GPUMEM_MMAP_OFFSET:
    case DRM_GPUMEM_QUERY:
        return is_in({ENOENT, EINVAL}, error);
    case DRM_GPUMEM_PIN:
        return is_in({EINVAL, E2BIG, ENOENT, EFAULT, ENOMEM, EINTR, EOVERFLOW,
                      ENODATA, EIO},
                     error) ||
               (longterm && is_in({EBUSY, EHWPOISON}, error));
    case DRM_GPUMEM_UNPIN:
        return is_in({EINVAL, E2BIG, ENOENT, EFAULT, ENOMEM}, error);
    case DRM_GPUMEM_STATS:
        return error == EINVAL;
    case DRM_GPUMEM_MADVISE:
        return is_in({ENOENT, EINVAL, EOPNOTSUPP, EINTR}, error);
    case DRM_GPUMEM_COMPACT:
        return is_in({EACCES, EINVAL, EBUSY, ENOMEM}, error);
    default:
        return error == EINVAL;
    }
}

} // namespace fuzz
