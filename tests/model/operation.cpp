// SPDX-License-Identifier: MIT
#include "model/operation.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <sstream>
#include <stdexcept>

namespace model {
namespace {

constexpr int last(std::size_t count) {
    return static_cast<int>(count) - 1;
}

constexpr Field FILE_SLOT{"file", &Operation::file, 0, last(FILES)};
constexpr Field SLOT{"slot", &Operation::slot, 0, last(SLOTS)};
constexpr Field SECOND{"second", &Operation::second, NO_SLOT, last(SLOTS)};
constexpr Field THIRD{"third", &Operation::third, NO_SLOT, last(SLOTS)};
constexpr Field MAP{"map", &Operation::map, 0, last(MAPS)};
constexpr Field BUF{"buf", &Operation::buf, 0, last(BUFS)};
constexpr Field IMPORTER{"importer", &Operation::importer, 0, last(IMPORTERS)};
constexpr Field NAME{"name", &Operation::name, 0, last(NAMES)};
constexpr Field SIZE{"pages", &Operation::pages, 0, MAX_PAGES};
constexpr Field PAGE{"page", &Operation::page, 0, MAX_PAGES - 1};
constexpr Field VALUE{"value", &Operation::value, 0, 999};
constexpr Field ADVICE{"advice", &Operation::advice, 0, 3};
constexpr Field FLAGS{"flags", &Operation::flags, 0, 7};

using enum Variant;

const std::array<std::string_view, VARIANTS> VARIANT_NAMES{
    "plain",       "unknown_flag", "dirty_field", "dirty_pad", "overflow",
    "huge",        "odd",          "longterm",    "empty",     "too_many",
    "bad_address", "many",         "read_only",   "private",   "beside",
    "no_dmabuf",   "told",         "lazy",        "timed",     "unprivileged",
    "primary",     "limited",      "limited_long"};

// In the order of Kind.
const std::array<KindInfo, KINDS> &kinds() {
    static const std::array<KindInfo, KINDS> all{{
        {"open", {FILE_SLOT}, {primary}, 5, 1},
        {"close", {FILE_SLOT}, {}, 2},
        {"create",
         {FILE_SLOT, SLOT, SIZE},
         {unknown_flag, dirty_field, overflow, huge, odd},
         9},
        {"free", {FILE_SLOT, SLOT}, {}, 5},
        {"offset", {FILE_SLOT, SLOT}, {unknown_flag, dirty_field}, 2},
        {"pin",
         {FILE_SLOT, SLOT, SECOND, THIRD},
         {unknown_flag, longterm, longterm, longterm, longterm, limited,
          limited, limited_long, empty, too_many, bad_address, many},
         10},
        {"unpin",
         {FILE_SLOT, SLOT, SECOND, THIRD},
         {unknown_flag, longterm, empty, too_many, bad_address, many},
         14},
        {"madvise", {FILE_SLOT, SLOT, ADVICE}, {dirty_field, dirty_pad}, 22},
        {"query", {FILE_SLOT, SLOT}, {dirty_field}, 8},
        {"stats", {FILE_SLOT}, {dirty_field}, 4},
        {"map",
         {FILE_SLOT, SLOT, MAP, SIZE},
         {read_only, private_copy, beside},
         10},
        {"unmap", {MAP}, {}, 4},
        {"read", {MAP, PAGE}, {}, 16},
        {"write", {MAP, PAGE, VALUE}, {}, 18},
        {"export", {FILE_SLOT, SLOT, BUF}, {unknown_flag, read_only}, 4},
        {"release", {BUF}, {}, 4},
        {"import", {FILE_SLOT, BUF, SLOT}, {no_dmabuf}, 8},
        {"map_buf", {BUF, MAP, PAGE, SIZE}, {read_only, private_copy}, 5},
        {"foreign", {BUF, SIZE}, {}, 2},
        {"attach", {BUF, IMPORTER}, {told, told, told, lazy, lazy, lazy}, 4},
        {"detach", {IMPORTER}, {}, 3},
        {"sum", {IMPORTER}, {}, 3},
        {"shrink", {}, {}, 3},
        {"compact", {}, {}, 2},
        // Which field is dirty goes by the pages.
        {"evacuate",
         {FILE_SLOT, SIZE},
         {many, many, timed, overflow, unknown_flag, dirty_field, too_many,
          huge, unprivileged},
         5},
        {"flink", {FILE_SLOT, SLOT, NAME}, {}, 3},
        {"open_name", {FILE_SLOT, NAME, SLOT}, {}, 4},
        // DMA_BUF_SYNC_*
        {"sync", {BUF, FLAGS}, {unknown_flag}, 3},
        {"fence", {IMPORTER}, {}, 1},
        {"signal", {IMPORTER}, {}, 1},
    }};
    return all;
}

int number(const std::string &text, const Field &field) {
    int value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() ||
        value < field.min || value > field.max)
        throw std::invalid_argument(fmt::format("{} is {} to {}, not '{}'",
                                                field.name, field.min,
                                                field.max, text));
    return value;
}

Operation parse_operation(const std::string &line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    const auto kind = std::ranges::find(kinds(), word, &KindInfo::name);
    if (kind == kinds().end())
        throw std::invalid_argument("no operation is called '" + word + "'");
    Operation operation;
    operation.kind = static_cast<Kind>(kind - kinds().begin());
    std::size_t given = 0;
    while (words >> word) {
        const auto equals = std::min(word.find('='), word.size());
        const std::string name = word.substr(0, equals);
        const std::string value =
            equals < word.size() ? word.substr(equals + 1) : "";
        if (name == "variant") {
            const auto found = std::ranges::find(VARIANT_NAMES, value);
            if (found == VARIANT_NAMES.end())
                throw std::invalid_argument("no variant is called '" + value +
                                            "'");
            operation.variant =
                static_cast<Variant>(found - VARIANT_NAMES.begin());
            continue;
        }
        const auto field = std::ranges::find(kind->fields, name, &Field::name);
        if (field == kind->fields.end())
            throw std::invalid_argument(
                fmt::format("'{}' has no '{}'", kind->name, name));
        operation.*field->member = number(value, *field);
        ++given;
    }
    if (given < static_cast<std::size_t>(std::ranges::count_if(
                    kind->fields, [](const Field &f) { return f.min >= 0; })))
        throw std::invalid_argument(
            fmt::format("'{}' lacks a number", kind->name));
    return operation;
}

} // namespace

const KindInfo &info(Kind kind) {
    return kinds().at(static_cast<std::size_t>(kind));
}

std::string to_text(const Operation &operation) {
    const KindInfo &kind = info(operation.kind);
    std::string text(kind.name);
    for (const Field &field : kind.fields)
        if (const int value = operation.*field.member;
            field.min >= 0 || value != field.min)
            text += fmt::format(" {}={}", field.name, value);
    if (operation.variant != plain)
        text += fmt::format(
            " variant={}",
            VARIANT_NAMES.at(static_cast<std::size_t>(operation.variant)));
    return text;
}

std::string to_text(std::span<const Operation> sequence) {
    std::string text;
    for (const Operation &operation : sequence)
        text += to_text(operation) + "\n";
    return text;
}

Sequence parse_sequence(const std::string &text) {
    Sequence sequence;
    std::istringstream lines(text);
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string::npos ||
            line.starts_with('#'))
            continue;
        try {
            sequence.push_back(parse_operation(line));
        } catch (const std::invalid_argument &error) {
            throw std::invalid_argument(
                fmt::format("line {}: {}", number, error.what()));
        }
    }
    return sequence;
}

} // namespace model
