// SPDX-License-Identifier: MIT
#include "stress/slot.hpp"

#include "stress/touch.hpp"
#include "support/debugfs.hpp"

#include <drm/gpumem_drm.h>
#include <sys/ioctl.h>

#include <stdexcept>
#include <utility>

namespace stress {

void Slot::fill(const gpumem::Device &device, std::uint64_t pages,
                std::uint64_t buffer) {
    gpumem::Bo made = device.create(pages * support::PAGE);
    map = made.map();
    // Nothing fails from here on, so that a slot is filled or is not.
    bo = std::move(made);
    device_ = &device;
    dontneed = false;
    number = buffer;
    moves_seen = 0;
    versions.assign(pages, 0);
    torn.assign(pages, 0);
    busy = std::vector<std::atomic<bool>>(pages);
}

std::vector<InPipe> Slot::clear() {
    pins.clear();
    map.reset();
    bo = gpumem::Bo();
    versions.clear();
    torn.clear();
    return std::exchange(pipes, {});
}

std::uint64_t Slot::object() const {
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    return ::ioctl(device_->fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args)
               ? 0
               : support::object_at(args.offset);
}

// What is wrong is told even if the driver cannot be asked.
std::uint64_t Slot::driver_frame(std::size_t page) const try {
    const auto frames = support::page_frames(object());
    return page < frames.size() ? frames[page] : 0;
} catch (const std::runtime_error &) {
    return 0;
}

void Slot::check(const std::byte *at, const std::byte *mapping,
                 std::size_t page, const Report &report, Totals &totals,
                 const std::string &where) const {
    const Stamp expected = stamp(page);
    std::ptrdiff_t word = INTACT;
    touch(expected, [&] { word = first_wrong_word(at, expected); });
    if (word != INTACT)
        report.wrong(at, expected, word, mapping, driver_frame(page), where);
    ++totals.pages_verified;
}

void Slot::write(std::byte *at, std::size_t page, Totals &totals) {
    Stamp next = stamp(page);
    ++next.version;
    try {
        touch(stamp(page), [&] { write_stamp(at, next); });
    } catch (const Unreachable &) {
        written(page, false);
        throw;
    }
    written(page, true);
    ++totals.pages_written;
}

} // namespace stress
