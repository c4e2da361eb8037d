// SPDX-License-Identifier: MIT
#include "stress/worker.hpp"

#include "stress/report.hpp"
#include "stress/slot.hpp"
#include "support/system.hpp"

#include <gpumem/gpumem.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fmt/format.h>
#include <initializer_list>
#include <memory>
#include <random>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using support::PAGE;

namespace stress {
namespace {

// A second mapping of a buffer, by its dma-buf: this is what may be moved, cut
// and protected without harm to others.
class Window {
public:
    Window(int fd, std::size_t size) : size_(size) {
        void *at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        at_ = at == MAP_FAILED ? nullptr : static_cast<std::byte *>(at);
    }
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;
    ~Window() {
        if (at_)
            ::munmap(at_, size_);
    }
    explicit operator bool() const { return at_; }
    [[nodiscard]] std::byte *page(std::size_t i) const { return at_ + i * PAGE; }
    [[nodiscard]] std::size_t pages() const { return size_ / PAGE; }

    // To another address, and not larger.
    bool move(std::size_t size) {
        void *to = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);
        if (to == MAP_FAILED)
            return false;
        void *at = ::mremap(at_, size_, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        if (at == MAP_FAILED) {
            ::munmap(to, size);
            return false;
        }
        at_ = static_cast<std::byte *>(at);
        size_ = size;
        return true;
    }
    bool protect(int prot) { return ::mprotect(at_, size_, prot) == 0; }

private:
    std::byte *at_ = nullptr;
    std::size_t size_;
};

class Thread {
public:
    Thread(std::uint64_t seed, const gpumem::Device &device,
           std::deque<Slot> &slots, const WorkerOptions &options, Totals &totals)
        : random_(seed), device_(device), slots_(slots), options_(options),
          totals_(totals), report_(totals, options.seed),
          has_pages_(device.stats().backing != GPUMEM_BACKING_KIND_MOPS) {}

    void step() {
        const Op op = ops_[below(ops_.size())];
        Slot &slot = slots_[below(slots_.size())];
        try {
            if (run(op, slot))
                ++totals_.done[static_cast<std::size_t>(op)];
        } catch (const gpumem::Error &error) {
            ++totals_.refused[static_cast<std::size_t>(op)];
            if (!may_answer(op, error.code().value()))
                report_.failed(fmt::format(
                    "{}: {}", OP_NAMES[static_cast<std::size_t>(op)],
                    error.what()));
        }
    }

private:
    // Often what is cheap and tells most.
    static constexpr std::array ops_{
        Op::create,   Op::create,   Op::destroy,     Op::write, Op::write,
        Op::write,    Op::write,    Op::verify,      Op::verify, Op::verify,
        Op::verify,   Op::pin,      Op::pin,         Op::unpin, Op::unpin,
        Op::unpin,    Op::dontneed, Op::willneed,    Op::willneed,
        Op::reimport, Op::second_file, Op::remap,    Op::protect, Op::fork,
        Op::vm_readv, Op::vmsplice};

    static bool may_answer(Op op, int error) {
        switch (op) {
        case Op::pin:
            // Busy: a long pin beside a short one, or a page in a pipe.
            return error == EBUSY || error == ENOMEM;
        case Op::create:
        case Op::reimport:
        case Op::second_file:
            return error == ENOMEM;
        default:
            return false;
        }
    }

    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }

    bool run(Op op, Slot &slot) {
        switch (op) {
        case Op::create:
        case Op::destroy:
        case Op::dontneed:
        case Op::willneed: {
            const std::unique_lock alone(slot.all, std::try_to_lock);
            return alone && change(op, slot);
        }
        default: {
            const std::shared_lock shared(slot.all, std::try_to_lock);
            return shared && slot.filled() && !slot.dontneed && use(op, slot);
        }
        }
    }

    bool change(Op op, Slot &slot) {
        switch (op) {
        case Op::create:
            if (slot.filled())
                return false;
            slot.fill(device_, 1 + below(options_.max_pages),
                      totals_.next_buffer++);
            return true;
        case Op::destroy:
            if (!slot.filled())
                return false;
            if (!slot.dontneed)
                check_all(slot, "before it is destroyed");
            slot.clear();
            return true;
        case Op::dontneed:
            if (!slot.filled() || slot.dontneed)
                return false;
            slot.pins.clear();
            slot.bo.madvise(GPUMEM_BO_DONTNEED);
            slot.dontneed = true;
            return true;
        default:
            if (!slot.filled() || !slot.dontneed)
                return false;
            if (!slot.bo.madvise(GPUMEM_BO_WILLNEED)) {
                ++totals_.purged;
                std::ranges::fill(slot.versions, 0U);
            }
            slot.dontneed = false;
            check_all(slot, "after it was not needed");
            return true;
        }
    }

    bool use(Op op, Slot &slot) {
        switch (op) {
        case Op::write:
            return some_pages(slot, [&](std::size_t page) {
                ++slot.versions[page];
                write_stamp(slot.address(page), slot.stamp(page));
                ++totals_.pages_written;
            });
        case Op::verify:
            return some_pages(slot, [&](std::size_t page) {
                check(slot, slot.address(page), page, "verify");
            });
        case Op::pin:
            return pin(slot);
        case Op::unpin: {
            const std::scoped_lock lock(slot.pins_lock);
            if (slot.pins.empty())
                return false;
            slot.pins.pop_back();
            return true;
        }
        case Op::reimport: {
            const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
            const gpumem::Bo again = device_.import_dmabuf(dmabuf.fd());
            if (again.handle() != slot.bo.handle())
                report_.failed("a buffer came back as another one");
            return true;
        }
        case Op::second_file: {
            const gpumem::Device other = gpumem::Device::open();
            const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
            const gpumem::Bo shared = other.import_dmabuf(dmabuf.fd());
            const gpumem::Mapping map = shared.map();
            return some_pages(slot, [&](std::size_t page) {
                check(slot, map.data() + page * PAGE, page, "second file");
            });
        }
        case Op::remap:
            return remap(slot);
        case Op::protect:
            return protect(slot);
        case Op::fork:
            return fork_and_write(slot);
        case Op::vm_readv:
            return vm_readv(slot);
        default:
            return vmsplice(slot);
        }
    }

    void check(const Slot &slot, const std::byte *at, std::size_t page,
               const char *where) {
        slot.check(at, page, report_, totals_, where);
    }
    void check_all(const Slot &slot, const char *where) {
        for (std::size_t page = 0; page < slot.pages(); ++page)
            check(slot, slot.address(page), page, where);
    }

    // A run of pages, without those that another thread has.
    template <typename Body> bool some_pages(Slot &slot, Body body,
                                             std::size_t end) {
        const std::size_t first = below(end);
        const std::size_t last = std::min(end, first + 1 + below(16));
        bool any = false;
        for (std::size_t page = first; page < last; ++page)
            if (const auto lock = slot.lock(page)) {
                body(page);
                any = true;
            }
        return any;
    }
    template <typename Body> bool some_pages(Slot &slot, Body body) {
        return some_pages(slot, body, slot.pages());
    }

    bool pin(Slot &slot) {
        const auto how = below(4) ? gpumem::PinFor::now : gpumem::PinFor::long_time;
        gpumem::Pin made = slot.bo.pin(how);
        const std::scoped_lock lock(slot.pins_lock);
        if (slot.pins.size() < 8)
            slot.pins.push_back(std::move(made));
        return true;
    }

    bool remap(Slot &slot) {
        const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
        Window window(dmabuf.fd(), slot.pages() * PAGE);
        if (!window)
            return refused("mmap", {ENOMEM});
        if (!window.move((1 + below(slot.pages())) * PAGE))
            return refused("mremap", {ENOMEM});
        return some_pages(slot, [&](std::size_t page) {
            check(slot, window.page(page), page, "remap");
        }, window.pages());
    }

    bool protect(Slot &slot) {
        const gpumem::DmaBuf dmabuf = slot.bo.export_dmabuf();
        Window window(dmabuf.fd(), slot.pages() * PAGE);
        if (!window)
            return refused("mmap", {ENOMEM});
        if (!window.protect(PROT_READ))
            return refused("mprotect", {ENOMEM});
        some_pages(slot, [&](std::size_t page) {
            check(slot, window.page(page), page, "read only");
        });
        if (!window.protect(PROT_READ | PROT_WRITE))
            return refused("mprotect", {ENOMEM});
        return some_pages(slot, [&](std::size_t page) {
            ++slot.versions[page];
            write_stamp(window.page(page), slot.stamp(page));
            ++totals_.pages_written;
        });
    }

    // The child of a process with threads may call little, so it only touches the
    // page.
    bool fork_and_write(Slot &slot) {
        const std::size_t page = below(slot.pages());
        const auto lock = slot.lock(page);
        if (!lock)
            return false;
        Stamp stamp = slot.stamp(page);
        const pid_t child = ::fork();
        if (child < 0)
            return refused("fork", {ENOMEM, EAGAIN});
        if (child == 0) {
            if (first_wrong_word(slot.address(page), stamp) != INTACT)
                ::_exit(1);
            ++stamp.version;
            write_stamp(slot.address(page), stamp);
            ::_exit(0);
        }
        int status = 0;
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        if (status)
            report_.failed(fmt::format("a child saw another page or died: "
                                       "status {:#x}, buffer {} page {}",
                                       status, stamp.buffer, page));
        else
            ++slot.versions[page];
        check(slot, slot.address(page), page, "after a child wrote");
        return true;
    }

    // The kernel as a reader, by references of its own. PFN mappings have none.
    bool vm_readv(Slot &slot) {
        const std::size_t page = below(slot.pages());
        const auto lock = slot.lock(page);
        if (!lock)
            return false;
        const iovec to{copy_.data(), PAGE};
        const iovec from{slot.address(page), PAGE};
        const ssize_t got = ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
        if (got < 0)
            return has_pages_ ? refused("process_vm_readv", {ENOMEM})
                              : refused("process_vm_readv", {EFAULT});
        check(slot, copy_.data(), page, "process_vm_readv");
        return true;
    }

    bool vmsplice(Slot &slot) {
        const std::size_t page = below(slot.pages());
        const auto lock = slot.lock(page);
        if (!lock)
            return false;
        std::array<int, 2> ends{};
        if (::pipe(ends.data()))
            return refused("pipe", {ENFILE, EMFILE});
        const gpumem::UniqueFd out(ends[0]);
        const gpumem::UniqueFd in(ends[1]);
        const iovec from{slot.address(page), PAGE};
        if (::vmsplice(in.get(), &from, 1, 0) < 0)
            return has_pages_ ? refused("vmsplice", {ENOMEM})
                              : refused("vmsplice", {EFAULT});
        if (::read(out.get(), copy_.data(), PAGE) != static_cast<ssize_t>(PAGE))
            return refused("read of a pipe", {});
        check(slot, copy_.data(), page, "vmsplice");
        return true;
    }

    // A system call failed: an answer to expect, or a failure of the run.
    bool refused(const char *call, std::initializer_list<int> expected) {
        const int error = errno;
        if (std::ranges::find(expected, error) == expected.end())
            report_.failed(fmt::format("{}: {}", call, std::strerror(error)));
        return false;
    }

    std::mt19937_64 random_;
    const gpumem::Device &device_;
    std::deque<Slot> &slots_;
    const WorkerOptions &options_;
    Totals &totals_;
    Report report_;
    bool has_pages_;
    alignas(16) std::array<std::byte, PAGE> copy_{};
};

} // namespace

void work(const WorkerOptions &options, Totals &totals) {
    const gpumem::Device device = gpumem::Device::open();
    std::deque<Slot> slots(options.slots);
    std::atomic<std::uint64_t> begun = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options.threads; ++i)
        threads.emplace_back([&, i] {
            Thread thread(options.seed * 64 + i, device, slots, options, totals);
            while (!totals.stop && begun++ < options.operations)
                thread.step();
        });
    for (std::thread &thread : threads)
        thread.join();
}

} // namespace stress
