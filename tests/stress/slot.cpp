// SPDX-License-Identifier: MIT
#include "stress/slot.hpp"

#include "support/debugfs.hpp"

#include <drm/gpumem_drm.h>
#include <sys/ioctl.h>

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
    versions.assign(pages, 0);
    busy = std::vector<std::atomic<bool>>(pages);
}

void Slot::clear() {
    pins.clear();
    map.reset();
    bo = gpumem::Bo();
    versions.clear();
}

std::uint64_t Slot::driver_frame(std::size_t page) const {
    drm_gpumem_mmap_offset args{};
    args.handle = bo.handle();
    if (::ioctl(device_->fd(), DRM_IOCTL_GPUMEM_MMAP_OFFSET, &args))
        return 0;
    const auto frames = support::page_frames(support::object_at(args.offset));
    return page < frames.size() ? frames[page] : 0;
}

void Slot::check(const std::byte *at, std::size_t page, const Report &report,
                 Totals &totals, const std::string &where) const {
    const Stamp expected = stamp(page);
    const std::ptrdiff_t word = first_wrong_word(at, expected);
    if (word != INTACT)
        report.wrong(at, expected, word, address(page), driver_frame(page),
                     where);
    ++totals.pages_verified;
}

} // namespace stress
