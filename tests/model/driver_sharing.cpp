// SPDX-License-Identifier: MIT
// The driver as a subject: dma-bufs, mappings, importers, and memory as a
// whole.
#include "model/driver.hpp"

#include "support/system.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <linux/dma-buf.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

using gpumem::UniqueFd;
using support::PAGE;

namespace model {
namespace {

constexpr std::size_t WORDS = PAGE / sizeof(std::uint64_t);

// A buffer that was passed by in one may go in the next.
constexpr int SHRINK_ROUNDS = 2;

template <typename Number> std::size_t at(Number number) {
    return static_cast<std::size_t>(number);
}

void fill(volatile std::uint64_t *page, std::uint64_t first) {
    for (std::size_t i = 0; i < WORDS; ++i)
        page[i] = first ? first + i : 0;
}

// The first word that does not go with the page's first one, or WORDS.
std::size_t torn_at(const volatile std::uint64_t *page, std::uint64_t first) {
    for (std::size_t i = 0; i < WORDS; ++i)
        if (page[i] != (first ? first + i : 0))
            return i;
    return WORDS;
}

} // namespace

Window::~Window() {
    if (at_)
        ::munmap(at_, size_);
}

volatile std::uint64_t *Window::page(std::size_t index) const {
    return static_cast<volatile std::uint64_t *>(at_) + index * WORDS;
}

Answer Driver::enter_buf(UniqueFd fd, const Operation &op) {
    struct stat status {};
    if (::fstat(fd.get(), &status))
        return failed(errno);
    bufs_.at(at(op.buf)) = std::move(fd);
    Answer answer;
    answer.values["inode"] = status.st_ino;
    return answer;
}

Answer Driver::export_buf(const Operation &op) {
    drm_prime_handle args{};
    args.handle = slot(op).handle;
    args.flags = DRM_CLOEXEC;
    if (op.variant != Variant::read_only)
        args.flags |= DRM_RDWR;
    if (op.variant == Variant::unknown_flag)
        args.flags |= 1U << 2;
    const Answer answer = call(file(op), DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);
    return answer.error ? answer : enter_buf(UniqueFd(args.fd), op);
}

Answer Driver::import_buf(const Operation &op) {
    drm_prime_handle args{};
    args.fd = op.variant == Variant::no_dmabuf ? file(op) : buf(op);
    Answer answer = call(file(op), DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
    if (!answer.error)
        enter_handle(file(op), args.handle, op, answer);
    return answer;
}

Answer Driver::foreign(const Operation &op) {
    if (!vgem_)
        vgem_.reset(support::open_drm("vgem", "card"));
    if (!vgem_) {
        support::shell("modprobe vgem");
        vgem_.reset(support::open_drm("vgem", "card"));
    }
    drm_mode_create_dumb dumb{};
    dumb.width = PAGE / 4;
    dumb.height = static_cast<std::uint32_t>(op.pages);
    dumb.bpp = 32;
    Answer answer = call(vgem_.get(), DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
    if (answer.error)
        return answer;
    drm_prime_handle prime{};
    prime.handle = dumb.handle;
    prime.flags = DRM_CLOEXEC | DRM_RDWR;
    answer = call(vgem_.get(), DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
    drm_gem_close gone{};
    gone.handle = dumb.handle;
    call(vgem_.get(), DRM_IOCTL_GEM_CLOSE, &gone);
    return answer.error ? answer : enter_buf(UniqueFd(prime.fd), op);
}

Answer Driver::map(int fd, std::uint64_t offset, const Operation &op) {
    const std::size_t size = at(op.pages) * PAGE;
    void *memory = ::mmap(
        nullptr, size,
        op.variant == Variant::read_only ? PROT_READ : PROT_READ | PROT_WRITE,
        op.variant == Variant::private_copy ? MAP_PRIVATE : MAP_SHARED, fd,
        static_cast<off_t>(offset));
    if (memory == MAP_FAILED)
        return failed(errno);
    maps_.at(at(op.map)) = Window(memory, size);
    return {};
}

Answer Driver::touch(const Operation &op) {
    volatile std::uint64_t *page = maps_.at(at(op.map)).page(at(op.page));
    std::uint64_t first = 0;
    std::size_t torn = WORDS;
    const int signal = SignalGuard::run([&] {
        if (op.kind == Kind::write) {
            fill(page, first_word(op.value));
        } else {
            first = page[0];
            torn = torn_at(page, first);
        }
    });
    if (signal)
        return killed(signal);
    Answer answer;
    if (op.kind == Kind::read)
        answer.values["word"] = first;
    if (torn != WORDS)
        answer.values["torn_at"] = torn;
    return answer;
}

Answer Driver::attach(const Operation &op) {
    return insist(ENOMEM, [&] { return attach_once(op); });
}

Answer Driver::attach_once(const Operation &op) {
    support::TestImporter importer;
    const char *kind = op.variant == Variant::told   ? "told"
                       : op.variant == Variant::lazy ? "lazy"
                                                     : "static";
    for (const std::string &command :
         {fmt::format("attach {} {}", buf(op), kind), std::string("map")})
        if (const int error = importer(command))
            return failed(error);
    importers_.at(at(op.importer)) = std::move(importer);
    return {};
}

Answer Driver::sum(const Operation &op) {
    Answer answer;
    for (const auto &[name, value] : importers_.at(at(op.importer))->get_all())
        if (name == "sum" || name == "mapped")
            answer.values[name] = value;
    return answer;
}

Answer Driver::sync(const Operation &op) {
    dma_buf_sync args{};
    args.flags = static_cast<std::uint64_t>(op.flags);
    if (op.variant == Variant::unknown_flag)
        args.flags |= 1U << 3;
    return call(buf(op), DMA_BUF_IOCTL_SYNC, &args);
}

Answer Driver::command(const Operation &op, const char *text) {
    const int error = (*importers_.at(at(op.importer)))(text);
    return error ? failed(error) : Answer{};
}

Answer Driver::shrink() {
    for (int round = 0; round < SHRINK_ROUNDS; ++round) {
        // A page that was touched lately sits in the batch of some CPU, and a
        // buffer with such a page stays.
        support::drain_lru_batches();
        support::write_file("/proc/sys/vm/drop_caches", "2");
    }
    Answer answer;
    for (std::size_t file = 0; file < FILES; ++file)
        for (std::size_t slot = 0; slot < SLOTS; ++slot) {
            drm_gpumem_query args{};
            args.handle = slots_.at(slot).handle;
            if (::ioctl(files_.at(file).get(), DRM_IOCTL_GPUMEM_QUERY, &args))
                continue;
            answer.values[fmt::format("purged_{}_{}", file, slot)] =
                (args.flags & GPUMEM_QUERY_PURGED) != 0;
        }
    return answer;
}

} // namespace model
