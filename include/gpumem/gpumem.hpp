/* SPDX-License-Identifier: MIT */
/**
 * The C++20 layer of libgpumem: owning types over the C ABI of gpumem.h.
 *
 * Rules
 *  - Every type is move-only; a moved-from or default-made object is empty and
 *    may only be assigned to, destroyed or asked with operator bool.
 *  - Lifetimes need no care: a Bo keeps its device open, a Mapping, a Pin and a
 *    PinSet keep their buffers alive. They may be destroyed in any order. The
 *    buffer's handle is closed when the Bo and everything made from it is gone.
 *  - Calls that fail throw gpumem::Error (a std::system_error whose code() is
 *    the errno of the C call) and have changed nothing. Calls on an empty
 *    object throw EINVAL.
 *  - Threads: const members of one Device or Bo may be called by several threads
 *    at once; every other object belongs to one thread at a time, though objects
 *    made from the same Bo may belong to different threads.
 *  - Since 0.1, all of it.
 */
#ifndef GPUMEM_GPUMEM_HPP
#define GPUMEM_GPUMEM_HPP

#include <gpumem/gpumem.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace gpumem {

using DeviceStats = ::gpumem_device_stats;
using BoInfo = ::gpumem_bo_info;
using Compaction = ::gpumem_compaction;

/** What a failed call throws: code() holds the errno, what() names the call. */
class Error : public std::system_error {
public:
    /** @errnum: positive errno. */
    Error(int errnum, const std::string &call)
        : std::system_error(errnum, std::generic_category(), call) {}

    /** The positive errno. */
    [[nodiscard]] int errnum() const noexcept { return code().value(); }
};

namespace detail {

/** Turn the C ABI's negative errno into an Error. */
inline void check(int ret, const char *call) {
    if (ret < 0)
        throw Error(-ret, call);
}

using SharedBo = std::shared_ptr<::gpumem_bo>;

/** Take ownership of a bo; destroyed even if the shared_ptr cannot be made. */
inline SharedBo adopt(::gpumem_bo *bo) {
    return {bo, [](::gpumem_bo *b) { ::gpumem_bo_destroy(b); }};
}

} // namespace detail

/** Owner of a file descriptor. */
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd &&other) noexcept : fd_(other.release()) {}
    UniqueFd &operator=(UniqueFd &&other) noexcept {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

    /** Give the descriptor to the caller, who then closes it. */
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

    void reset(int fd = -1) noexcept {
        if (fd_ >= 0)
            ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

/** A dma-buf: a buffer as a file descriptor that other devices can import. */
class DmaBuf {
public:
    DmaBuf() = default;
    explicit DmaBuf(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return bool(fd_); }

    /** Give the descriptor away, to Vulkan for instance, which then owns it. */
    [[nodiscard]] int release() noexcept { return fd_.release(); }

    /** A second descriptor of the same dma-buf. */
    [[nodiscard]] DmaBuf duplicate() const {
        const int copy = ::fcntl(fd(), F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            throw Error(errno, "dma-buf duplicate");
        return DmaBuf(UniqueFd(copy));
    }

private:
    UniqueFd fd_;
};

/** A whole buffer in this process's memory, until the Mapping is destroyed. */
class Mapping {
public:
    Mapping() = default;
    Mapping(Mapping &&other) noexcept
        : bo_(std::move(other.bo_)), bytes_(std::exchange(other.bytes_, {})) {}
    Mapping &operator=(Mapping &&other) noexcept {
        if (this != &other) {
            reset();
            bo_ = std::move(other.bo_);
            bytes_ = std::exchange(other.bytes_, {});
        }
        return *this;
    }
    ~Mapping() { reset(); }

    explicit operator bool() const noexcept { return bool(bo_); }

    /** All bytes. The address stays while the kernel moves the pages. */
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::byte *data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

    /** The bytes seen as whole elements of @T. */
    template <typename T> [[nodiscard]] std::span<T> as() const noexcept {
        static_assert(std::is_trivially_copyable_v<T>);
        return {reinterpret_cast<T *>(bytes_.data()),
                bytes_.size() / sizeof(T)};
    }

    /** Unmap now. */
    void reset() noexcept {
        if (bo_)
            ::gpumem_bo_unmap(bo_.get());
        bo_.reset();
        bytes_ = {};
    }

private:
    friend class Bo;
    Mapping(detail::SharedBo bo, std::span<std::byte> bytes) noexcept
        : bo_(std::move(bo)), bytes_(bytes) {}

    detail::SharedBo bo_;
    std::span<std::byte> bytes_;
};

/** How long a pin is meant to last; GPUMEM_BO_PIN_LONGTERM says more. */
enum class PinFor : std::uint32_t { now = 0, long_time = GPUMEM_BO_PIN_LONGTERM };

/** One pin: the buffer's pages are resident and stay where they are. */
class Pin {
public:
    Pin() = default;
    Pin(Pin &&) noexcept = default;
    Pin &operator=(Pin &&other) noexcept {
        if (this != &other) {
            reset();
            bo_ = std::move(other.bo_);
        }
        return *this;
    }
    ~Pin() { reset(); }

    explicit operator bool() const noexcept { return bool(bo_); }

    /** Unpin now. */
    void reset() noexcept {
        if (bo_)
            ::gpumem_bo_unpin(bo_.get());
        bo_.reset();
    }

private:
    friend class Bo;
    explicit Pin(detail::SharedBo bo) noexcept : bo_(std::move(bo)) {}

    detail::SharedBo bo_;
};

/** A buffer object. */
class Bo {
public:
    Bo() = default;
    Bo(Bo &&) noexcept = default;
    Bo &operator=(Bo &&) noexcept = default;
    ~Bo() = default;

    explicit operator bool() const noexcept { return bool(bo_); }

    /** Bytes, rounded up to whole pages; 0 if empty. */
    [[nodiscard]] std::uint64_t size() const noexcept {
        return ::gpumem_bo_size(bo_.get());
    }

    /** GEM handle on the device's file; 0 if empty. */
    [[nodiscard]] std::uint32_t handle() const noexcept {
        return ::gpumem_bo_handle(bo_.get());
    }

    /** Map the whole buffer; all mappings of one Bo share one address. */
    [[nodiscard]] Mapping map() const {
        void *addr = nullptr;
        detail::check(::gpumem_bo_map(bo_.get(), &addr), "gpumem_bo_map");
        return {bo_, {static_cast<std::byte *>(addr), size()}};
    }

    /** Pin; pins nest, the pages may move again when the last one is gone. */
    [[nodiscard]] Pin pin(PinFor how = PinFor::now) const {
        detail::check(::gpumem_bo_pin(bo_.get(),
                                      static_cast<std::uint32_t>(how)),
                      "gpumem_bo_pin");
        return Pin(bo_);
    }

    /** Say whether the contents are needed; returns whether they are still there. */
    bool madvise(gpumem_bo_advice advice) const {
        int retained = 0;
        detail::check(::gpumem_bo_madvise(bo_.get(), advice, &retained),
                      "gpumem_bo_madvise");
        return retained != 0;
    }

    [[nodiscard]] BoInfo query() const {
        BoInfo info{};
        info.size_of_struct = sizeof(info);
        detail::check(::gpumem_bo_query(bo_.get(), &info), "gpumem_bo_query");
        return info;
    }

    [[nodiscard]] DmaBuf export_dmabuf() const {
        int fd = -1;
        detail::check(::gpumem_bo_export_dmabuf(bo_.get(), &fd),
                      "gpumem_bo_export_dmabuf");
        return DmaBuf(UniqueFd(fd));
    }

    /** The C handle, still owned by this object. */
    [[nodiscard]] ::gpumem_bo *get() const noexcept { return bo_.get(); }

private:
    friend class Device;
    friend class PinSet;
    explicit Bo(detail::SharedBo bo) noexcept : bo_(std::move(bo)) {}

    detail::SharedBo bo_;
};

/** One pin on each of many buffers, taken and dropped in one call. */
class PinSet {
public:
    PinSet() = default;
    PinSet(PinSet &&) noexcept = default;
    PinSet &operator=(PinSet &&other) noexcept {
        if (this != &other) {
            reset();
            device_ = std::move(other.device_);
            bos_ = std::move(other.bos_);
            raw_ = std::move(other.raw_);
        }
        return *this;
    }
    ~PinSet() { reset(); }

    explicit operator bool() const noexcept { return !bos_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return bos_.size(); }

    /** Unpin all of them now. */
    void reset() noexcept {
        // One alone needs no memory.
        if (!bos_.empty() &&
            ::gpumem_bo_unpin_many(device_.get(), raw_.data(),
                                   static_cast<std::uint32_t>(raw_.size())) < 0)
            for (::gpumem_bo *bo : raw_)
                (void)::gpumem_bo_unpin(bo);
        raw_.clear();
        bos_.clear();
        device_.reset();
    }

private:
    friend class Device;
    PinSet(std::shared_ptr<::gpumem_device> device,
           std::span<const Bo *const> bos, PinFor how) {
        std::vector<::gpumem_bo *> raw;
        std::vector<detail::SharedBo> owned;
        raw.reserve(bos.size());
        owned.reserve(bos.size());
        for (const Bo *bo : bos) {
            raw.push_back(bo ? bo->get() : nullptr);
            owned.push_back(bo ? bo->bo_ : nullptr);
        }
        detail::check(::gpumem_bo_pin_many(
                          device.get(), raw.data(),
                          static_cast<std::uint32_t>(raw.size()),
                          static_cast<std::uint32_t>(how)),
                      "gpumem_bo_pin_many");
        device_ = std::move(device);
        raw_ = std::move(raw);
        bos_ = std::move(owned);
    }

    std::shared_ptr<::gpumem_device> device_;
    std::vector<::gpumem_bo *> raw_;
    std::vector<detail::SharedBo> bos_;
};

/** An open gpumem device. */
class Device {
public:
    Device() = default;
    Device(Device &&) noexcept = default;
    Device &operator=(Device &&) noexcept = default;
    ~Device() = default;

    /** Open the first gpumem render node. Throws ENODEV if there is none. */
    [[nodiscard]] static Device open() { return open_path(nullptr); }

    /** Open the node at @path. Throws ENODEV if it is another driver's. */
    [[nodiscard]] static Device open(const std::string &path) {
        return open_path(path.c_str());
    }

    /** Use an open DRM descriptor; it is duplicated, the caller keeps @fd. */
    [[nodiscard]] static Device from_fd(int fd) {
        ::gpumem_device *dev = nullptr;
        detail::check(::gpumem_device_from_fd(fd, &dev),
                      "gpumem_device_from_fd");
        return Device(dev);
    }

    explicit operator bool() const noexcept { return bool(dev_); }

    /** The DRM descriptor, owned by the device; negative if empty. */
    [[nodiscard]] int fd() const noexcept {
        return ::gpumem_device_fd(dev_.get());
    }

    [[nodiscard]] DeviceStats stats() const {
        DeviceStats stats{};
        stats.size = sizeof(stats);
        detail::check(::gpumem_device_query(dev_.get(), &stats),
                      "gpumem_device_query");
        return stats;
    }

    /** Make page blocks free; moves up to @pages pages in up to @time (0: no limit). */
    [[nodiscard]] Compaction
    compact(std::uint64_t pages, std::chrono::nanoseconds time = {}) const {
        Compaction compaction{};
        compaction.size = sizeof(compaction);
        compaction.pages = pages;
        compaction.time_ns = static_cast<std::uint64_t>(time.count());
        detail::check(::gpumem_device_compact(dev_.get(), &compaction),
                      "gpumem_device_compact");
        return compaction;
    }

    /** A buffer of @size bytes, rounded up to whole pages, that reads as 0. */
    [[nodiscard]] Bo create(std::uint64_t size) const {
        ::gpumem_bo *bo = nullptr;
        detail::check(::gpumem_bo_create(dev_.get(), size, 0, &bo),
                      "gpumem_bo_create");
        return Bo(detail::adopt(bo));
    }

    /** Import a dma-buf; the caller keeps @fd. */
    [[nodiscard]] Bo import_dmabuf(int fd) const {
        ::gpumem_bo *bo = nullptr;
        detail::check(::gpumem_bo_import_dmabuf(dev_.get(), fd, &bo),
                      "gpumem_bo_import_dmabuf");
        return Bo(detail::adopt(bo));
    }

    /** Pin up to 4096 buffers of this device in one call, all or none. */
    [[nodiscard]] PinSet pin(std::span<const Bo *const> bos,
                             PinFor how = PinFor::now) const {
        return {dev_, bos, how};
    }

    /** The C handle, still owned by this object. */
    [[nodiscard]] ::gpumem_device *get() const noexcept { return dev_.get(); }

private:
    explicit Device(::gpumem_device *dev)
        : dev_(dev, [](::gpumem_device *d) { ::gpumem_device_close(d); }) {}

    [[nodiscard]] static Device open_path(const char *path) {
        ::gpumem_device *dev = nullptr;
        detail::check(::gpumem_device_open(path, &dev), "gpumem_device_open");
        return Device(dev);
    }

    std::shared_ptr<::gpumem_device> dev_;
};

} // namespace gpumem

#endif /* GPUMEM_GPUMEM_HPP */
