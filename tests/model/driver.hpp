// SPDX-License-Identifier: MIT
// The driver as a subject: raw ioctls, real mappings, real signals. Needs root
// and a device that nobody else uses meanwhile.
#pragma once

#include "model/answer.hpp"
#include "model/state.hpp"
#include "model/touch.hpp"
#include "support/test_importer.hpp"

#include <drm/gpumem_drm.h>
#include <gpumem/gpumem.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace model {

// Pages mapped at an address.
class Window {
public:
    Window() = default;
    Window(void *at, std::size_t size) : at_(at), size_(size) {}
    Window(Window &&other) noexcept
        : at_(std::exchange(other.at_, nullptr)), size_(other.size_) {}
    Window &operator=(Window &&other) noexcept {
        std::swap(at_, other.at_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Window();

    [[nodiscard]] volatile std::uint64_t *page(std::size_t index) const;

private:
    void *at_ = nullptr;
    std::size_t size_ = 0;
};

class Driver : public Subject {
public:
    Driver();

    Answer run(const Operation &operation) override;
    [[nodiscard]] Rules rules() const;

private:
    [[nodiscard]] int file(const Operation &op) const;
    [[nodiscard]] int buf(const Operation &op) const;
    Slot &slot(const Operation &op);
    static Answer call(int fd, unsigned long request, void *args);
    // @call again a few times if its error may come of a page that is in the
    // batch of a CPU.
    static Answer insist(int error, const std::function<Answer()> &call);
    void enter_handle(int fd, std::uint32_t handle, const Operation &op,
                      Answer &answer);

    // driver.cpp: the driver's own ioctls
    Answer create(const Operation &op);
    Answer free(const Operation &op);
    Answer offset(const Operation &op);
    Answer pin(const Operation &op);
    void tell_what_a_pin_left(const Operation &op, Answer &answer);
    Answer madvise(const Operation &op);
    Answer query(const Operation &op);
    Answer stats(const Operation &op);
    Answer evacuate(const Operation &op);

    // driver_names.cpp
    Answer flink(const Operation &op);
    Answer open_name(const Operation &op);

    // driver_sharing.cpp: PRIME, mappings, importers, memory as a whole
    Answer enter_buf(gpumem::UniqueFd fd, const Operation &op);
    Answer export_buf(const Operation &op);
    Answer import_buf(const Operation &op);
    Answer foreign(const Operation &op);
    Answer map(int fd, std::uint64_t offset, const Operation &op);
    Answer touch(const Operation &op);
    Answer attach(const Operation &op);
    Answer attach_once(const Operation &op);
    Answer sum(const Operation &op);
    Answer sync(const Operation &op);
    Answer shrink();
    Answer command(const Operation &op, const char *text);

    SignalGuard guard_;
    std::array<gpumem::UniqueFd, FILES> files_;
    std::array<Slot, SLOTS> slots_{};
    std::array<gpumem::UniqueFd, BUFS> bufs_;
    std::array<Window, MAPS> maps_;
    std::array<std::uint32_t, NAMES> names_{};
    std::array<std::optional<support::TestImporter>, IMPORTERS> importers_;
    gpumem::UniqueFd vgem_;
    drm_gpumem_stats before_{};
};

} // namespace model
