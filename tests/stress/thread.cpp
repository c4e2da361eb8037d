// SPDX-License-Identifier: MIT
#include "stress/thread.hpp"

#include "support/system.hpp"

#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <mutex>
#include <shared_mutex>
#include <unistd.h>
#include <utility>

using support::PAGE;

namespace stress {
namespace {

// Often what is cheap and tells most.
constexpr std::array OPS{
    Op::create,   Op::create,      Op::destroy,  Op::write,    Op::write,
    Op::write,    Op::write,       Op::verify,   Op::verify,   Op::verify,
    Op::verify,   Op::pin,         Op::pin,      Op::unpin,    Op::unpin,
    Op::unpin,    Op::dontneed,    Op::willneed, Op::willneed, Op::reimport,
    Op::attach,   Op::second_file, Op::remap,    Op::protect,  Op::hole,
    Op::outlive,  Op::fork,        Op::vm_readv, Op::vmsplice, Op::from_pipe,
    Op::direct_io, Op::cold,       Op::cold,     Op::cpu_access,
    Op::cpu_access};

bool exports(Op op) {
    switch (op) {
    case Op::reimport:
    case Op::second_file:
    case Op::attach:
    case Op::cpu_access:
    case Op::remap:
    case Op::protect:
    case Op::hole:
    case Op::outlive:
        return true;
    default:
        return false;
    }
}

} // namespace

Thread::Thread(std::uint64_t seed, const gpumem::Device &device, bool has_pages,
               std::deque<Slot> &slots, const WorkerOptions &options,
               const Excuses &excuses, const Report &report, Totals &totals)
    : random_(seed), device_(device), has_pages_(has_pages), slots_(slots),
      options_(options), excuses_(excuses), totals_(totals), report_(report),
      disk_(::open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC)) {}

void Thread::step() {
    op_ = OPS[below(OPS.size())];
    attempt([this] {
        Slot &slot = some_slot();
        if (totals_.calm)
            calm_down();
        check_orphans();
        return run(op_, slot);
    });
}

void Thread::verify_rest() {
    op_ = Op::verify;
    while (!orphans_.empty())
        attempt([this] {
            drop_orphan();
            return true;
        });
    for (Slot &slot : slots_)
        attempt([&] {
            const std::unique_lock alone(slot.all, std::try_to_lock);
            if (!alone || !slot.filled() || slot.dontneed ||
                slot.bo.query().moved == slot.moves_seen)
                return false;
            check_all(slot, "at the end");
            return true;
        });
}

template <typename Body> void Thread::attempt(Body body) {
    held_ = false;
    excuses_.begin();
    const auto i = static_cast<std::size_t>(op_);
    try {
        if (body())
            ++totals_.done[i];
    } catch (const Unreachable &page) {
        ++totals_.refused[i];
        refused(page, ::gettid());
    } catch (const gpumem::Error &error) {
        ++totals_.refused[i];
        refused(error);
    } catch (const std::exception &error) {
        failed(error.what());
    }
}

// Buffers of every other slot are never exported: what is exported is not
// compressed meanwhile.
Slot &Thread::some_slot() {
    return slots_[exports(op_) ? 2 * below((slots_.size() + 1) / 2)
                               : below(slots_.size())];
}

bool Thread::run(Op op, Slot &slot) {
    switch (op) {
    case Op::create:
    case Op::destroy:
    case Op::dontneed:
    case Op::willneed:
    case Op::outlive:
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
    case Op::outlive:
        return !slot.dontneed && outlive(slot);
    default:
        return !slot.dontneed && dontneed(slot);
    }
}

bool Thread::use(Op op, Slot &slot) {
    // Nobody's page is kept in its place for very long.
    empty_pipes(slot, std::chrono::seconds(2));
    switch (op) {
    case Op::write:
        return write(slot);
    case Op::verify:
        return verify(slot);
    case Op::cold:
        return cold(slot);
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
    case Op::hole:
        return hole(slot);
    case Op::fork:
        return fork(slot);
    case Op::vm_readv:
        return vm_readv(slot);
    case Op::from_pipe:
        return from_pipe(slot);
    case Op::direct_io:
        return direct_io(slot);
    case Op::cpu_access:
        return cpu_access(slot);
    default:
        return vmsplice(slot);
    }
}

// Half of them of any size, and half mostly small, as buffers are.
bool Thread::create(Slot &slot) {
    std::size_t most = options_.max_pages;
    if (below(2))
        while (most > 1 && below(3))
            most = (most + 1) / 2;
    slot.fill(device_, 1 + below(most), totals_.next_buffer++);
    return true;
}

void Thread::drop(Slot &slot) {
    for (const InPipe &pipe : slot.clear())
        read_pipe(pipe, nullptr);
}

bool Thread::destroy(Slot &slot) {
    compare_all_frames(slot);
    try {
        if (!slot.dontneed)
            check_all(slot, "before it is destroyed");
    } catch (...) {
        drop(slot);
        throw;
    }
    drop(slot);
    return true;
}

bool Thread::dontneed(Slot &slot) {
    compare_all_frames(slot);
    // Nobody else empties the pipes of a buffer that is not needed, unless all
    // are to be calm. Some stay, for it may not be purged then.
    if (below(2))
        empty_pipes(slot, std::chrono::milliseconds(0));
    slot.pins.clear();
    slot.bo.madvise(GPUMEM_BO_DONTNEED);
    slot.dontneed = true;
    return true;
}

bool Thread::willneed(Slot &slot) {
    if (!slot.bo.madvise(GPUMEM_BO_WILLNEED)) {
        ++totals_.purged;
        slot.purged();
        slot.moves_seen = slot.bo.query().moved;
        if (!slot.pipes.empty())
            failed(
                fmt::format("buffer {} was purged while a page of it was in a "
                            "pipe",
                            slot.number));
    }
    slot.dontneed = false;
    check_all(slot, "after it was not needed");
    return true;
}

// Others read and write it meanwhile.
bool Thread::cold(Slot &slot) {
    if (!slot.bo.madvise(GPUMEM_BO_COLD))
        failed(fmt::format("buffer {} was purged although it is needed",
                           slot.number));
    return true;
}

bool Thread::write(Slot &slot) {
    return some_pages(slot, [&](std::size_t page) {
        write(slot, slot.address(page), page);
    });
}

bool Thread::verify(Slot &slot) {
    if (below(4) == 0) {
        const std::unique_lock lock(slot.held_lock, std::try_to_lock);
        if (lock && !slot.pins.empty())
            compare_frames(slot, slot.pins.front());
    }
    return some_pages(slot, [&](std::size_t page) {
        check(slot, slot.address(page), page, "verify");
    });
}

bool Thread::reimport(Slot &slot) {
    const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
    const gpumem::Bo again = device_.import_dmabuf(dmabuf.fd());
    if (again.handle() != slot.bo.handle())
        failed("a buffer came back as another one");
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

void Thread::check_all(Slot &slot, const char *where) {
    // What moves from now on may be read already.
    const std::uint64_t moved = slot.bo.query().moved;
    const bool any = moved != slot.moves_seen;
    for (std::size_t page = 0; page < slot.pages(); ++page)
        if (any || slot.versions[page] || below(8) == 0)
            check(slot, slot.address(page), page, where);
    totals_.moves_verified += moved - std::exchange(slot.moves_seen, moved);
}

} // namespace stress
