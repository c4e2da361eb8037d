// SPDX-License-Identifier: MIT
#include "stress/thread.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <mutex>
#include <shared_mutex>

using support::PAGE;

namespace stress {
namespace {

// Often what is cheap and tells most.
constexpr std::array OPS{
    Op::create,   Op::create,      Op::destroy,  Op::write,    Op::write,
    Op::write,    Op::write,       Op::verify,   Op::verify,   Op::verify,
    Op::verify,   Op::pin,         Op::pin,      Op::unpin,    Op::unpin,
    Op::unpin,    Op::dontneed,    Op::willneed, Op::willneed, Op::reimport,
    Op::attach,   Op::second_file, Op::remap,    Op::protect,  Op::fork,
    Op::vm_readv, Op::vmsplice,    Op::direct_io};

} // namespace

Thread::Thread(std::uint64_t seed, const gpumem::Device &device,
               std::deque<Slot> &slots, const WorkerOptions &options,
               const Report &report, Totals &totals)
    : random_(seed), device_(device), slots_(slots), options_(options),
      totals_(totals), report_(report),
      has_pages_(device.stats().backing != GPUMEM_BACKING_KIND_MOPS),
      disk_(::open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC)) {}

void Thread::step() {
    op_ = OPS[below(OPS.size())];
    shortages_ = totals_.shortages;
    Slot &slot = slots_[below(slots_.size())];
    const auto i = static_cast<std::size_t>(op_);
    try {
        if (run(op_, slot))
            ++totals_.done[i];
    } catch (const gpumem::Error &error) {
        ++totals_.refused[i];
        const int code = error.code().value();
        // Busy: a long pin beside a short one, or a page in a pipe.
        if (code != ENOMEM && !(op_ == Op::pin && code == EBUSY) &&
            !(code == ENODEV && totals_.gone))
            report_.failed(fmt::format("{}: {}", OP_NAMES[i], error.what()));
    }
}

bool Thread::run(Op op, Slot &slot) {
    switch (op) {
    case Op::create:
    case Op::destroy:
    case Op::dontneed:
    case Op::willneed:
    case Op::attach: {
        const std::unique_lock alone(slot.all, std::try_to_lock);
        return alone && change(op, slot);
    }
    default: {
        const std::shared_lock shared(slot.all, std::try_to_lock);
        return shared && slot.filled() && !slot.dontneed && use(op, slot);
    }
    }
}

bool Thread::change(Op op, Slot &slot) {
    if (op == Op::create)
        return !slot.filled() && create(slot);
    if (!slot.filled())
        return false;
    switch (op) {
    case Op::destroy:
        return destroy(slot);
    case Op::willneed:
        return slot.dontneed && willneed(slot);
    case Op::attach:
        return !slot.dontneed && attach(slot);
    default:
        return !slot.dontneed && dontneed(slot);
    }
}

bool Thread::use(Op op, Slot &slot) {
    switch (op) {
    case Op::write:
        return write(slot);
    case Op::verify:
        return verify(slot);
    case Op::pin:
        return pin(slot);
    case Op::unpin:
        return unpin(slot);
    case Op::reimport:
        return reimport(slot);
    case Op::second_file:
        return second_file(slot);
    case Op::remap:
        return remap(slot);
    case Op::protect:
        return protect(slot);
    case Op::fork:
        return fork(slot);
    case Op::vm_readv:
        return vm_readv(slot);
    case Op::direct_io:
        return direct_io(slot);
    default:
        return vmsplice(slot);
    }
}

bool Thread::create(Slot &slot) {
    slot.fill(device_, 1 + below(options_.max_pages), totals_.next_buffer++);
    return true;
}

bool Thread::destroy(Slot &slot) {
    if (!slot.dontneed)
        check_all(slot, "before it is destroyed");
    slot.clear();
    return true;
}

bool Thread::dontneed(Slot &slot) {
    slot.pins.clear();
    slot.bo.madvise(GPUMEM_BO_DONTNEED);
    slot.dontneed = true;
    return true;
}

bool Thread::willneed(Slot &slot) {
    if (!slot.bo.madvise(GPUMEM_BO_WILLNEED)) {
        ++totals_.purged;
        std::ranges::fill(slot.versions, 0U);
    }
    slot.dontneed = false;
    check_all(slot, "after it was not needed");
    return true;
}

bool Thread::write(Slot &slot) {
    return some_pages(slot, [&](std::size_t page) {
        ++slot.versions[page];
        write_stamp(slot.address(page), slot.stamp(page));
        ++totals_.pages_written;
    });
}

bool Thread::verify(Slot &slot) {
    return some_pages(slot, [&](std::size_t page) {
        check(slot, slot.address(page), page, "verify");
    });
}

bool Thread::pin(Slot &slot) {
    const auto how = below(4) ? gpumem::PinFor::now : gpumem::PinFor::long_time;
    gpumem::Pin made = slot.bo.pin(how);
    const std::scoped_lock lock(slot.pins_lock);
    if (slot.pins.size() < 8)
        slot.pins.push_back(std::move(made));
    return true;
}

bool Thread::unpin(Slot &slot) {
    const std::scoped_lock lock(slot.pins_lock);
    if (slot.pins.empty())
        return false;
    slot.pins.pop_back();
    return true;
}

bool Thread::reimport(Slot &slot) {
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    const gpumem::Bo again = device_.import_dmabuf(dmabuf.fd());
    if (again.handle() != slot.bo.handle())
        report_.failed("a buffer came back as another one");
    return true;
}

bool Thread::second_file(Slot &slot) {
    const gpumem::Device other = gpumem::Device::open();
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    const gpumem::Bo shared = other.import_dmabuf(dmabuf.fd());
    const gpumem::Mapping map = shared.map();
    return some_pages(slot, [&](std::size_t page) {
        check(slot, map.data() + page * PAGE, page, "second file");
    });
}

void Thread::check_all(const Slot &slot, const char *where) {
    for (std::size_t page = 0; page < slot.pages(); ++page)
        check(slot, slot.address(page), page, where);
}

bool Thread::refused(const char *call, std::initializer_list<int> expected) {
    const int error = errno;
    ++totals_.refused[static_cast<std::size_t>(op_)];
    // The kernel touched a page for us that there was no memory for, or no device.
    const bool unreachable = error == EFAULT && (short_of_memory() || totals_.gone);
    if (error != ENOMEM && !unreachable && !(error == ENODEV && totals_.gone) &&
        std::ranges::find(expected, error) == expected.end())
        report_.failed(fmt::format("{}: {}", call, std::strerror(error)));
    return false;
}

bool Thread::cut_short(const char *call, ssize_t got,
                       std::initializer_list<int> expected) {
    if (got >= 0)
        errno = EIO; // a part of a page
    return refused(call, expected);
}

} // namespace stress
