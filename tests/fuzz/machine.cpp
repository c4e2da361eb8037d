// SPDX-License-Identifier: MIT
#include "fuzz/machine.hpp"

#include "fuzz/room.hpp"
#include "support/system.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xf86drm.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <new>
#include <thread>

using support::PAGE;

namespace fuzz {
namespace {

// Without CAP_IPC_LOCK no more may be pinned.
constexpr rlim_t LOCK_LIMIT = MAX_SIZE;
// Other threads of the kernel hold references for a moment.
constexpr std::chrono::seconds PATIENCE{20};

std::string node_of(const char *driver, const char *node) {
    const gpumem::UniqueFd fd(support::open_drm(driver, node));
    if (!fd)
        return {};
    return std::filesystem::read_symlink("/proc/self/fd/" +
                                         std::to_string(fd.get()));
}

} // namespace

Machine::Machine(bool unhurried)
    : unhurried_(unhurried), born_(std::chrono::steady_clock::now()),
      device_(gpumem::Device::open()) {
    support::shell("modprobe vgem");
    nodes_ = {node_of("gpumem", "renderD"), node_of("gpumem", "card"),
              node_of("vkms", "card"), node_of("vgem", "card")};
    // Without them nothing foreign and no fence would ever be tried.
    for (const std::string &node : nodes_)
        if (node.empty())
            throw std::runtime_error("the guest lacks gpumem, vkms or vgem");
    const rlimit lock{LOCK_LIMIT, LOCK_LIMIT};
    ::setrlimit(RLIMIT_MEMLOCK, &lock);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC))
        throw std::runtime_error("no pipe");
    pipe_[0].reset(ends[0]);
    pipe_[1].reset(ends[1]);
    make_room();
    make_foreign();
    // shrink() shall not fill the kernel's log.
    support::write_file("/proc/sys/vm/drop_caches", "4");
    before_ = device_.stats();
    pages_.emplace();
}

Machine::~Machine() {
    ::munmap(scratch_, SCRATCH + PAGE);
    ::munmap(windows_, WINDOWS * WINDOW);
}

// The places where calls may write and map: the addresses stay taken, so that
// nothing else of the process gets between.
void Machine::make_room() {
    const auto take = [](std::size_t size, int prot) {
        void *at = ::mmap(nullptr, size, prot,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED)
            throw std::bad_alloc();
        return static_cast<std::byte *>(at);
    };
    scratch_ = take(SCRATCH + PAGE, PROT_READ | PROT_WRITE);
    ::mprotect(scratch_ + SCRATCH, PAGE, PROT_NONE);
    windows_ = take(WINDOWS * WINDOW, PROT_NONE);
}

// Another device's buffer, to import. The device stays open: vkms sets its mode
// at the last close of all, which takes a frame's time.
void Machine::make_foreign() {
    const std::string &vkms = nodes_[static_cast<std::size_t>(Kind::vkms)];
    if (vkms.empty())
        return;
    foreign_device_.reset(::open(vkms.c_str(), O_RDWR | O_CLOEXEC));
    drm_mode_create_dumb dumb{};
    dumb.width = dumb.height = 64;
    dumb.bpp = 32;
    int fd = -1;
    if (::ioctl(foreign_device_.get(), DRM_IOCTL_MODE_CREATE_DUMB, &dumb) ||
        drmPrimeHandleToFD(foreign_device_.get(), dumb.handle,
                           DRM_CLOEXEC | DRM_RDWR, &fd))
        throw std::runtime_error("vkms gives no dma-buf");
    foreign_.reset(fd);
}

// Too slow to be asked after each program.
void Machine::expect_no_page_lost() const {
    if (const auto lost = pages_->lost(); !lost.empty())
        throw Failure(lost.front());
}

void Machine::begin() {
    open({});
}

void Machine::end() {
    limit({});
    reserve(windows_, WINDOWS * WINDOW);
    mappings_.clear();
    while (::read(pipe_[0].get(), scratch_, SCRATCH) > 0)
        ;
    // Before what waits for its fences.
    std::erase_if(files_,
                  [](const File &file) { return file.kind == Kind::vgem; });
    others_.clear();
    files_.clear();
    dmabufs_.clear();
    names_.clear();
    offsets_.clear();
    kept_ = 0;

    const auto until = std::chrono::steady_clock::now() + PATIENCE;
    for (;;) {
        const auto now = device_.stats();
        if (now.objects == before_.objects && now.bytes == before_.bytes &&
            now.resident_pages == before_.resident_pages &&
            now.cold_pages == before_.cold_pages &&
            now.pinned_objects == before_.pinned_objects)
            return;
        if (std::chrono::steady_clock::now() > until)
            throw Failure("all is closed, and the driver has " +
                          std::to_string(now.objects) + " objects of " +
                          std::to_string(now.bytes) + " bytes, " +
                          std::to_string(now.resident_pages) +
                          " resident pages, " +
                          std::to_string(now.cold_pages) + " cold ones, " +
                          std::to_string(now.pinned_objects) +
                          " pinned; before " + std::to_string(before_.objects) +
                          ", " + std::to_string(before_.bytes) + ", " +
                          std::to_string(before_.resident_pages) + ", " +
                          std::to_string(before_.cold_pages) + ", " +
                          std::to_string(before_.pinned_objects));
        std::this_thread::yield();
    }
}

Answer Machine::run(const Call &call) {
    using Does = Answer (Machine::*)(const Arguments &);
    static constexpr std::array<Does, OP_NAMES.size()> CALLS{
#define X(name) &Machine::name,
        FUZZ_OPS(X)
#undef X
    };
    return (this->*CALLS[static_cast<std::size_t>(call.op)])(call.arg);
}

Answer Machine::answer(long result) {
    return {true, result < 0 ? errno : 0};
}

// For the kernel to read or write @bytes at; what is not scratch is a trap.
std::byte *Machine::pointer(std::uint8_t kind, std::size_t bytes) {
    const auto address = [](std::uintptr_t at) {
        return reinterpret_cast<std::byte *>(at);
    };
    if (kind < 128) // as a rule, good
        return scratch_;
    switch (kind % 10) {
    case 0:
        return nullptr;
    case 1:
        return scratch_ + SCRATCH; // not mapped
    case 2:                        // ends in a page that is not mapped
        return scratch_ + SCRATCH - std::min(bytes, SCRATCH) / 2;
    case 3:
        return address(0xffff888000000000);
    case 4:
        return address(0x8000000000000000);
    case 5:
        return address(~std::uintptr_t{0} - 2);
    case 6:
        return scratch_ + 1;
    default: // a buffer of the driver's
        const Mapping *mapping = this->mapping(kind);
        return mapping ? mapping->at : scratch_;
    }
}

Machine::File *Machine::file(std::uint8_t which) {
    return files_.empty() ? nullptr : &files_[which % files_.size()];
}

int Machine::fd_of(std::uint8_t which) {
    switch (which % 8) {
    case 6:
        return others_.empty() ? -1
                               : others_[which / 8U % others_.size()].get();
    case 7:
        return which == 255 ? -1 : pipe_[0].get();
    case 4:
    case 5:
        return dmabuf(which / 8U);
    default:
        const File *chosen = file(which);
        return chosen ? chosen->fd.get() : -1;
    }
}

int Machine::dmabuf(std::uint8_t which) const {
    if (which == 255 || dmabufs_.empty())
        return -1;
    return dmabufs_[which % dmabufs_.size()].get();
}

Machine::Mapping *Machine::mapping(std::uint8_t which) {
    return mappings_.empty() ? nullptr : &mappings_[which % mappings_.size()];
}

std::uint32_t Machine::handle(const File &file, std::uint8_t which) {
    if (which >= 250)
        return std::array{0U,          0x7fffU,     0x7fffffffU,
                          0x80000000U, 0xfffffffeU, 0xffffffffU}[which - 250U];
    return file.handles.empty() ? which
                                : file.handles[which % file.handles.size()];
}

// No more than a twentieth of the time.
Answer Machine::slowly(Share &share, const char *path, const char *text) {
    const auto now = std::chrono::steady_clock::now();
    if (!unhurried_ && share.used * 20 > now - born_)
        return {false, 0};
    const int error = support::write_errno(path, text);
    share.used += std::chrono::steady_clock::now() - now;
    return {true, error};
}

void Machine::keep(std::vector<gpumem::UniqueFd> &fds, int fd) {
    gpumem::UniqueFd own(fd);
    if (own && fds.size() < MAX_FDS)
        fds.push_back(std::move(own));
}

} // namespace fuzz
