// SPDX-License-Identifier: MIT
// The driver as a subject: names of buffers, which GEM has.
#include "model/driver.hpp"

#include <sys/ioctl.h>
#include <xf86drm.h>

namespace model {
namespace {

template <typename Number> std::size_t at(Number number) {
    return static_cast<std::size_t>(number);
}

} // namespace

// A name keeps the contents, if they are still there.
Answer Driver::flink(const Operation &op) {
    drm_gem_flink args{};
    args.handle = slot(op).handle;
    Answer answer = call(file(op), DRM_IOCTL_GEM_FLINK, &args);
    if (answer.error)
        return answer;
    names_.at(at(op.name)) = args.name;
    drm_gpumem_query state{};
    state.handle = args.handle;
    answer.error = call(file(op), DRM_IOCTL_GPUMEM_QUERY, &state).error;
    answer.values = {{"name", args.name},
                     {"purged", (state.flags & GPUMEM_QUERY_PURGED) != 0}};
    return answer;
}

Answer Driver::open_name(const Operation &op) {
    drm_gem_open args{};
    args.name = names_.at(at(op.name));
    Answer answer = call(file(op), DRM_IOCTL_GEM_OPEN, &args);
    if (answer.error)
        return answer;
    enter_handle(file(op), args.handle, op, answer);
    answer.values["size"] = args.size;
    return answer;
}

} // namespace model
