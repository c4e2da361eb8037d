// SPDX-License-Identifier: MIT
// Memory in which the driver's compaction has something to do: the few pages of
// a sequence lie between others that no buffer has, and then none of them
// moves.
#pragma once

#include "support/crumbs.hpp"

#include <gpumem/gpumem.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace model {

class Ground {
public:
    // Before each sequence. Buffers that come next get the places between the
    // crumbs; after some sequences there are none left.
    void prepare() {
        if (sequences_++ % SEQUENCES)
            return;
        crumbs_.reset();
        crumbs_ = std::make_unique<support::Crumbs>(device_, BUFFERS);
    }

private:
    static constexpr std::uint64_t SEQUENCES = 8;
    static constexpr std::size_t BUFFERS = 32;

    gpumem::Device device_ = gpumem::Device::open();
    std::unique_ptr<support::Crumbs> crumbs_;
    std::uint64_t sequences_ = 0;
};

} // namespace model
