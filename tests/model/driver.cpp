// SPDX-License-Identifier: MIT
#include "model/driver.hpp"

#include "model/without.hpp"
#include "support/system.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/ioctl.h>
#include <vector>
#include <xf86drm.h>

using support::PAGE;

namespace model {
namespace {

constexpr std::uint32_t UNKNOWN_FLAG = 1U << 31;

constexpr int BUSY_TRIES = 4;

// For Variant::timed.
constexpr std::uint64_t SHORT_TIME_NS = 1000;

drm_gpumem_stats stats_now() {
    const gpumem::UniqueFd fd(support::open_drm("gpumem", "renderD"));
    drm_gpumem_stats args{};
    if (::ioctl(fd.get(), DRM_IOCTL_GPUMEM_STATS, &args))
        throw std::runtime_error("no device of the driver answers");
    return args;
}

Replaced replaced() {
    if (support::read_file("/proc/meminfo").find("CmaTotal") !=
        std::string::npos)
        return Replaced::all;
    std::istringstream lines(support::read_file("/proc/zoneinfo"));
    bool movable = false;
    std::uint64_t pages = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        words >> key;
        if (key == "Node")
            movable = line.find(" Movable") != std::string::npos;
        else if (movable && key == "present" && words >> pages && pages)
            return Replaced::some;
    }
    return Replaced::none;
}

template <typename Number> std::size_t at(Number number) {
    return static_cast<std::size_t>(number);
}

} // namespace

Driver::Driver() : before_(stats_now()) {}

Rules Driver::rules() const {
    const bool movable = (before_.flags & GPUMEM_STATS_MOVABLE) != 0;
    return {.mappings_hold_file = before_.backing == GPUMEM_BACKING_MOPS,
            .movable = movable,
            .core_pins = support::TestImporter().get("core_pins") != 0,
            .replaced = movable ? replaced() : Replaced::none};
}

int Driver::file(const Operation &op) const {
    return files_.at(at(op.file)).get();
}
int Driver::buf(const Operation &op) const {
    return bufs_.at(at(op.buf)).get();
}
Slot &Driver::slot(const Operation &op) {
    return slots_.at(at(op.slot));
}

Answer Driver::call(int fd, unsigned long request, void *args) {
    return ::ioctl(fd, request, args) ? failed(errno) : Answer{};
}

Answer Driver::insist(int error, const std::function<Answer()> &call) {
    Answer answer = call();
    for (int i = 1; i < BUSY_TRIES && answer.error == error; ++i) {
        support::drain_lru_batches();
        answer = call();
    }
    return answer;
}

Answer Driver::run(const Operation &op) {
    switch (op.kind) {
    case Kind::open:
        files_.at(at(op.file))
            .reset(support::open_drm(
                "gpumem", op.variant == Variant::primary ? "card" : "renderD"));
        return files_.at(at(op.file)) ? Answer{} : failed(errno);
    case Kind::close:
        files_.at(at(op.file)).reset();
        return {};
    case Kind::create:
        return create(op);
    case Kind::free:
        return free(op);
    case Kind::offset:
        return offset(op);
    case Kind::pin:
    case Kind::unpin:
        return pin(op);
    case Kind::madvise:
        return madvise(op);
    case Kind::query:
        return query(op);
    case Kind::stats:
        return stats(op);
    case Kind::map:
        return map(file(op),
                   slot(op).offset + (op.variant == Variant::beside ? PAGE : 0),
                   op);
    case Kind::unmap:
        maps_.at(at(op.map)) = Window();
        return {};
    case Kind::read:
    case Kind::write:
        return touch(op);
    case Kind::to_buf:
        return export_buf(op);
    case Kind::release:
        bufs_.at(at(op.buf)).reset();
        return {};
    case Kind::import:
        return import_buf(op);
    case Kind::map_buf:
        return map(buf(op), at(op.page) * PAGE, op);
    case Kind::foreign:
        return foreign(op);
    case Kind::attach:
        return attach(op);
    case Kind::detach:
        importers_.at(at(op.importer)).reset();
        return {};
    case Kind::sum:
        return sum(op);
    case Kind::shrink:
        return shrink();
    case Kind::compact:
        support::compact_memory();
        return {};
    case Kind::evacuate:
        return evacuate(op);
    case Kind::flink:
        return flink(op);
    case Kind::open_name:
        return open_name(op);
    case Kind::sync:
        return sync(op);
    case Kind::fence:
        return command(op, "fence");
    case Kind::signal:
        return command(op, "signal");
    }
    return {};
}

// A handle comes with the offset of what it names, so that the model knows all.
void Driver::enter_handle(int fd, std::uint32_t handle, const Operation &op,
                          Answer &answer) {
    drm_gpumem_mmap_offset where{};
    where.handle = handle;
    const Answer asked = call(fd, DRM_IOCTL_GPUMEM_MMAP_OFFSET, &where);
    answer.error = asked.error;
    answer.values["handle"] = handle;
    answer.values["offset"] = where.offset;
    slot(op) = {handle, where.offset};
}

Answer Driver::create(const Operation &op) {
    drm_gpumem_create args{};
    args.size = at(op.pages) * PAGE;
    if (op.variant == Variant::overflow)
        args.size = std::numeric_limits<std::uint64_t>::max() - PAGE + 2;
    else if (op.variant == Variant::huge)
        args.size = std::uint64_t{1} << 50;
    else if (op.variant == Variant::odd && op.pages)
        --args.size;
    if (op.variant == Variant::unknown_flag)
        args.flags = UNKNOWN_FLAG;
    if (op.variant == Variant::dirty_field)
        args.handle = 1;
    Answer answer = call(file(op), DRM_IOCTL_GPUMEM_CREATE, &args);
    if (answer.error)
        return answer;
    enter_handle(file(op), args.handle, op, answer);
    answer.values["size"] = args.size;
    return answer;
}

Answer Driver::free(const Operation &op) {
    drm_gem_close args{};
    args.handle = slot(op).handle;
    return call(file(op), DRM_IOCTL_GEM_CLOSE, &args);
}

Answer Driver::offset(const Operation &op) {
    drm_gpumem_mmap_offset args{};
    args.handle = slot(op).handle;
    if (op.variant == Variant::unknown_flag)
        args.flags = UNKNOWN_FLAG;
    if (op.variant == Variant::dirty_field)
        args.offset = PAGE;
    Answer answer = call(file(op), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args);
    if (!answer.error)
        answer.values["offset"] = args.offset;
    return answer;
}

Answer Driver::pin(const Operation &op) {
    std::vector<std::uint32_t> handles;
    for (const int each : {op.slot, op.second, op.third})
        if (each != NO_SLOT)
            handles.push_back(slots_.at(at(each)).handle);
    if (op.variant == Variant::empty)
        handles.clear();
    const std::size_t times = op.variant == Variant::many ? MANY
                              : op.variant == Variant::too_many
                                  ? GPUMEM_PIN_MAX_HANDLES + 1
                                  : 1;
    std::vector<std::uint32_t> array;
    for (std::size_t i = 0; i < times; ++i)
        array.insert(array.end(), handles.begin(), handles.end());

    drm_gpumem_pin args{};
    args.handles = reinterpret_cast<std::uintptr_t>(array.data());
    if (op.variant == Variant::bad_address)
        args.handles = ~std::uint64_t{0} - 2;
    args.count = static_cast<std::uint32_t>(array.size());
    if (op.variant == Variant::unknown_flag)
        args.flags = UNKNOWN_FLAG;
    else if (is_longterm(op))
        args.flags = GPUMEM_PIN_LONGTERM;
    std::optional<LowLimit> limit;
    if (is_limited(op))
        limit.emplace(LIMIT_PAGES * PAGE);
    Answer answer = insist(EBUSY, [&] {
        return call(file(op),
                    op.kind == Kind::pin ? DRM_IOCTL_GPUMEM_PIN
                                         : DRM_IOCTL_GPUMEM_UNPIN,
                    &args);
    });
    if (answer.error == ENODATA || answer.error == EBUSY)
        tell_what_a_pin_left(op, answer);
    return answer;
}

// The error does not say which of several buffers it was, and those before it
// have become resident.
void Driver::tell_what_a_pin_left(const Operation &op, Answer &answer) {
    for (const int each : {op.slot, op.second, op.third}) {
        if (each == NO_SLOT)
            continue;
        drm_gpumem_query args{};
        args.handle = slots_.at(at(each)).handle;
        if (::ioctl(file(op), DRM_IOCTL_GPUMEM_QUERY, &args))
            continue;
        answer.values[purged_name(each)] =
            (args.flags & GPUMEM_QUERY_PURGED) != 0;
        answer.values[resident_name(each)] =
            args.resident_pages + args.cold_pages;
        answer.values[cold_name(each)] = args.cold_pages;
    }
}

Answer Driver::madvise(const Operation &op) {
    drm_gpumem_madvise args{};
    args.handle = slot(op).handle;
    args.advice = static_cast<std::uint32_t>(op.advice);
    args.retained = op.variant == Variant::dirty_field;
    args.pad = op.variant == Variant::dirty_pad;
    Answer answer = call(file(op), DRM_IOCTL_GPUMEM_MADVISE, &args);
    if (answer.error)
        return answer;
    answer.values["retained"] = args.retained;
    if (op.advice == GPUMEM_MADV_COLD) {
        // What it has done, before something else is.
        drm_gpumem_query after{};
        after.handle = args.handle;
        answer.error = call(file(op), DRM_IOCTL_GPUMEM_QUERY, &after).error;
        answer.values["cold"] = after.cold_pages;
    }
    return answer;
}

// Compressed pages count as resident, too: which ones are is the driver's
// choice, and nobody can tell by what is in them.
Answer Driver::query(const Operation &op) {
    drm_gpumem_query args{};
    args.handle = slot(op).handle;
    args.moved = op.variant == Variant::dirty_field;
    Answer answer = call(file(op), DRM_IOCTL_GPUMEM_QUERY, &args);
    if (!answer.error)
        answer.values = {{"flags", args.flags},
                         {"size", args.size},
                         {"resident", args.resident_pages + args.cold_pages},
                         {"cold", args.cold_pages},
                         {"pins", args.pins},
                         {"file_pins", args.file_pins},
                         {"moved", args.moved}};
    return answer;
}

// What the sequence has brought about.
Answer Driver::stats(const Operation &op) {
    drm_gpumem_stats args{};
    args.purged = op.variant == Variant::dirty_field;
    Answer answer = call(file(op), DRM_IOCTL_GPUMEM_STATS, &args);
    if (!answer.error)
        answer.values = {
            {"objects", args.objects - before_.objects},
            {"bytes", args.bytes - before_.bytes},
            {"pinned", args.pinned_objects - before_.pinned_objects},
            {"resident", args.resident_pages + args.cold_pages -
                             before_.resident_pages - before_.cold_pages},
            {"cold", args.cold_pages - before_.cold_pages}};
    return answer;
}

Answer Driver::evacuate(const Operation &op) {
    drm_gpumem_compact args{};
    args.pages = at(op.pages);
    if (op.variant == Variant::many)
        args.pages = GPUMEM_COMPACT_MAX_PAGES;
    else if (op.variant == Variant::too_many)
        args.pages = GPUMEM_COMPACT_MAX_PAGES + 1;
    else if (op.variant == Variant::huge)
        args.pages = std::numeric_limits<std::uint64_t>::max();
    if (op.variant == Variant::timed)
        args.time_ns = SHORT_TIME_NS;
    else if (op.variant == Variant::overflow)
        args.time_ns = std::numeric_limits<std::uint64_t>::max();
    if (op.variant == Variant::unknown_flag)
        args.flags = UNKNOWN_FLAG;
    if (op.variant == Variant::dirty_field) {
        const std::array outputs{&args.pages_moved, &args.blocks_freed,
                                 &args.pages_scanned};
        if (const std::size_t which = at(op.pages) % (outputs.size() + 1))
            *outputs.at(which - 1) = 1;
        else
            args.done = 1;
    }

    const drm_gpumem_compact given = args;
    std::optional<Without> without;
    if (op.variant == Variant::unprivileged)
        without.emplace(CAP_SYS_ADMIN);
    Answer answer = call(file(op), DRM_IOCTL_GPUMEM_COMPACT, &args);
    if (!answer.error)
        answer.values = {{"done", args.done},
                         {"moved", args.pages_moved},
                         {"freed", args.blocks_freed},
                         {"scanned", args.pages_scanned}};
    const bool same = answer.error
                          ? !std::memcmp(&args, &given, sizeof(args))
                          : args.pages == given.pages &&
                                args.time_ns == given.time_ns && !args.flags;
    if (!same)
        answer.values["changed"] = 1;
    return answer;
}

} // namespace model
