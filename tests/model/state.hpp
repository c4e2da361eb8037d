// SPDX-License-Identifier: MIT
// The state that a sequence should have brought about: files and their handles,
// buffers, dma-bufs, mappings, and who holds whom.
#pragma once

#include "model/operation.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace model {

// Which of the pages that may move a long pin replaces first: those of
// ZONE_MOVABLE, and every one where the kernel has CMA, for a module does not see
// where that is.
enum class Replaced { none, some, all };

// What one has to know of the driver beforehand.
struct Rules {
    // PFN mappings hold the file they were made with; those of gemfs the buffer
    // alone.
    bool mappings_hold_file = false;
    bool movable = true;
    // Whoever maps a dma-buf pins it, also importers that could be told.
    bool core_pins = true;
    Replaced replaced = Replaced::all;
};

// Of files, buffers, dma-bufs; 0 is none.
using Id = int;

struct Object {
    std::size_t pages = 0;
    Id import = 0; // the dma-buf of another device that this one stands for
    Id exported_as =
        0; // the dma-buf that GEM remembers while there are handles
    std::uint32_t name = 0; // 0: it has none
    std::uint64_t offset = 0;
    std::vector<std::uint64_t> words; // the first of each page
    std::vector<bool> resident;
    std::uint64_t pins = 0;
    bool dontneed = false;
    bool purged = false;
    std::uint64_t leftover = 0; // most pages that a purge may have left
    // A page may lie where a long pin must not hold it, or does so for sure.
    bool suspect = false;
    bool surely_suspect = false;
    std::uint64_t cpu_accesses = 0; // begun through dma-bufs and not ended
    std::uint64_t moved = 0;        // as far as known
    bool may_have_moved = false;    // since then

    // Pages that may be compressed, as they were not touched since it was
    // advised. They are resident here: who does not ask sees no difference.
    std::vector<bool> may_be_cold;
    std::uint64_t least_cold = 0; // of them are so for sure,
    std::uint64_t most_cold = 0;  // and no more than this

    [[nodiscard]] std::uint64_t resident_pages() const;
    void populate();
    void touch(std::size_t page);
    void advise_cold();
    void forget_cold();
    // How many are cold: as many as the driver says, if they can be.
    std::uint64_t cold_pages(std::uint64_t said);
};

struct Buf {
    Id object = 0; // 0: of another device
    std::size_t pages = 0;
    std::vector<std::uint64_t> words; // of another device's
    bool writable = true;
    std::uint64_t inode = 0;
};

struct File {
    bool open = true;
    bool primary = false; // only then does it know names
    std::map<std::uint32_t, Id> handles;
    std::map<std::uint32_t, Id>
        bufs; // dma-bufs that the file knows of its handles
    std::map<Id, std::uint64_t> pins;
    std::map<Id, std::uint64_t> charged; // pages, for these pins
};

struct Mapping {
    Id object = 0; // 0: of a dma-buf of another device
    Id buf = 0;    // that it holds
    Id file = 0;   // likewise
    std::size_t first = 0;
    std::size_t pages = 0;
    bool writable = true;
};

struct Importer {
    Id buf = 0;
    bool pins = false;
    bool lazy = false;
    bool fence = false;
    // It has had the CPU's access since it came, so what it maps stays.
    bool holds = false;
};

struct Slot {
    std::uint32_t handle = 0;
    std::uint64_t offset = 0;
};

class State {
public:
    std::map<Id, File> files;
    std::map<Id, Object> objects;
    std::map<Id, Buf> bufs;
    std::map<int, Mapping> maps; // by their place
    std::array<Id, FILES> file_slots{};
    std::array<Slot, SLOTS> slots{};
    std::array<Id, BUFS> buf_slots{};
    std::array<Importer, IMPORTERS> importers{};
    std::array<std::uint32_t, NAMES> names{};
    Id last_id = 0;

    // Null where nothing is.
    File *file(int slot);
    Buf *buf(int slot);
    Mapping *mapping(int slot);
    // By a file's handle with the number that the slot holds.
    Object *object(int file_slot, int slot);
    Id object_id(int file_slot, int slot);
    Id object_at(std::uint64_t offset) const;
    Id object_named(std::uint32_t name) const;

    [[nodiscard]] bool has_handle(Id object) const;
    [[nodiscard]] bool exported(Id object) const;
    // Others may have it, unseen.
    [[nodiscard]] bool shared(Id object) const;
    // An importer of it has a fence that has not signalled.
    [[nodiscard]] bool fenced(Id object) const;
    // An importer that is told keeps the pages where they are all the same, or
    // may do so.
    [[nodiscard]] bool held(Id object) const;
    [[nodiscard]] bool may_be_held(Id object) const;
    [[nodiscard]] std::uint64_t charged_pages() const;
    // The kernel may compress its pages now.
    [[nodiscard]] bool may_be_compressed(Id object) const;
    // The kernel may take its contents now.
    [[nodiscard]] bool may_be_purged(Id object) const;
    void purge(Id object);

    void close_handle(File &file, std::uint32_t handle);
    std::uint64_t &word(const Mapping &mapping, std::size_t page);
    [[nodiscard]] bool offset_is_free(std::uint64_t offset,
                                      std::size_t pages) const;

    // Whatever nobody holds any more goes, and what that brings with it.
    void settle();

private:
    bool drop_files();
    bool drop_bufs();
    bool drop_objects();
};

} // namespace model
