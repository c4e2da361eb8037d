// SPDX-License-Identifier: MIT
#include "fuzz/engine.hpp"

#include "fuzz/guard.hpp"
#include "fuzz/kcov.hpp"
#include "fuzz/machine.hpp"
#include "fuzz/mutate.hpp"
#include "fuzz/touch.hpp"
#include "support/kernel_report.hpp"
#include "support/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

// libFuzzer's, for which there is no header.
extern "C" int LLVMFuzzerRunDriver(int *argc, char ***argv,
                                   int (*run)(const std::uint8_t *,
                                              std::size_t));
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size,
                                        std::size_t max);

namespace fuzz {
namespace {

constexpr unsigned BITS = 16;

// libFuzzer keeps an input that makes one of these nonzero which was not yet.
[[gnu::used, gnu::section("__libfuzzer_extra_counters")]]
std::array<std::uint8_t, 1 << BITS> counters{};

std::size_t place_of(std::uint64_t what) {
    return (what * 0x9e3779b97f4a7c15U) >> (64 - BITS);
}

class Target {
public:
    Target(const Options &options, Running &running)
        : options_(options), running_(running), machine_(options.unhurried) {}

    void run(std::span<const std::uint8_t> bytes) {
        running_.begin(bytes);
        const Program program = decode(bytes);
        std::size_t at = 0;
        try {
            machine_.begin();
            auto last = static_cast<std::uint64_t>(OP_NAMES.size());
            for (; at < program.size(); ++at) {
                const auto op = static_cast<std::uint64_t>(program[at].op);
                kcov_.restart();
                const Answer got = machine_.run(program[at]);
                calls_ += got.done;
                if (kcov_)
                    kcov_.each(
                        [this](std::uint64_t pc) { note(place_of(pc)); });
                else // what there is to see from outside
                    note(place_of(
                        last << 32 | op << 16 |
                        static_cast<std::uint64_t>(got.done ? got.error : -1) %
                            0x10000));
                last = op;
            }
            kcov_.restart();
            machine_.end();
            kcov_.each([this](std::uint64_t pc) { note(place_of(pc)); });
            if (const auto reports = log_.new_reports(); !reports.empty())
                throw Failure("kernel log: " + reports.front());
        } catch (const Failure &failure) {
            fail(program, at, failure.what());
        }
        ++inputs_;
        tell();
        if (options_.calls && calls_ >= options_.calls) {
            finish();
            std::_Exit(0); // libFuzzer takes exit() for a failure here
        }
    }

    // Does not return if pages are lost; which input did that is not known.
    void finish() const {
        summary();
        try {
            machine_.expect_no_page_lost();
        } catch (const std::exception &lost) {
            fmt::print(stderr, "gpumem-fuzz: {}\n", lost.what());
            std::_Exit(1);
        }
    }

private:
    // libFuzzer counts inputs, not calls.
    void summary() const {
        if (!inputs_)
            return;
        const std::chrono::duration<double> seconds =
            std::chrono::steady_clock::now() - begun_;
        fmt::print(
            "calls {}, inputs {}, {:.0f} s, {:.0f} calls/s, {} {}, seed {}\n",
            calls_, inputs_, seconds.count(),
            static_cast<double>(calls_) / seconds.count(),
            kcov_ ? "kcov places" : "no kcov, outcomes", seen_.count(),
            options_.seed);
        std::fflush(stdout);
    }

    void tell() {
        const auto now = std::chrono::steady_clock::now();
        if (!options_.progress || now < tell_)
            return;
        tell_ = now + std::chrono::seconds(options_.progress);
        fmt::print("calls {}\n", calls_);
        std::fflush(stdout);
    }

    void note(std::size_t place) {
        counters[place] = 1;
        seen_.set(place);
    }

    [[noreturn]] static void fail(const Program &program, std::size_t at,
                                  const char *what) {
        for (std::size_t i = 0; i < program.size() && i <= at; ++i)
            fmt::print(stderr, "{}\n", text(program[i]));
        fmt::print(stderr, "gpumem-fuzz: {}\n", what);
        std::abort(); // libFuzzer saves the input
    }

    const Options &options_;
    Running &running_;
    support::KernelLog log_;
    Machine machine_;
    Kcov kcov_;
    std::bitset<1 << BITS> seen_;
    std::chrono::steady_clock::time_point begun_ =
        std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point tell_ =
        begun_ + std::chrono::seconds(options_.progress);
    std::uint64_t calls_ = 0;
    std::uint64_t inputs_ = 0;
};

Target *target = nullptr;

int run_one(const std::uint8_t *data, std::size_t size) {
    target->run({data, size});
    return 0;
}

// The bytes of a program in libFuzzer's buffer; their number.
std::size_t give(const Program &program, std::uint8_t *to) {
    const auto bytes = encode(program);
    std::ranges::copy(bytes, to);
    return bytes.size();
}

std::string seed_inputs(const std::string &corpus) {
    std::string list;
    for (const auto &entry : std::filesystem::directory_iterator(corpus))
        list += (list.empty() ? "" : ",") + entry.path().string();
    return list;
}

} // namespace

int fuzz(const Options &options, const char *program) {
    std::vector<std::string> words{
        program, "-seed=" + std::to_string(options.seed),
        "-artifact_prefix=" + options.save + "/",
        "-max_len=" + std::to_string(MAX_BYTES), "-len_control=0",
        "-verbosity=0", "-error_exitcode=1",
        // Faults are answers, and memory that is mapped is not the process's.
        "-handle_segv=0", "-handle_bus=0", "-rss_limit_mb=0",
        "-malloc_limit_mb=0",
        // A call that is stuck is a failure; tools/vm sees it.
        "-timeout=0", "-report_slow_units=100000", "-reload=0",
        // Its bookkeeping would take longer than the calls.
        "-entropic=0"};
    const std::string seeds = seed_inputs(options.corpus);
    if (!seeds.empty())
        words.push_back("-seed_inputs=" + seeds);
    words.insert(words.end(), options.words.begin(), options.words.end());
    std::vector<char *> argv;
    for (std::string &word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    int argc = static_cast<int>(words.size());
    char **arguments = argv.data();

    std::filesystem::create_directories(options.save);
    Running running(options.save + "/running");
    // It may be the last that is heard.
    fmt::print("seed {}\n", options.seed);
    std::fflush(stdout);
    return guarded(running, [&] {
        catch_faults();
        static Target made(options, running);
        target = &made;
        // At the end of its own, for example by -max_total_time.
        std::atexit([] { target->finish(); });
        return LLVMFuzzerRunDriver(&argc, &arguments, run_one);
    });
}

int replay(const std::string &path) {
    const std::string bytes = support::read_file(path);
    catch_faults();
    Machine machine(true);
    try {
        machine.begin();
        for (const Call &call :
             decode({reinterpret_cast<const std::uint8_t *>(bytes.data()),
                     bytes.size()})) {
            fmt::print("{}", text(call));
            std::fflush(stdout); // it may be the last
            const Answer got = machine.run(call);
            fmt::print(" = {}\n", !got.done   ? "nothing to call with"
                                  : got.error ? ::strerrorname_np(got.error)
                                              : "0");
        }
        machine.end();
        machine.expect_no_page_lost();
    } catch (const Failure &failure) {
        fmt::print("\ngpumem-fuzz: {}\n", failure.what());
        return 1;
    }
    return 0;
}

} // namespace fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data,
                                               std::size_t size,
                                               std::size_t max, unsigned seed) {
    return fuzz::give(fuzz::mutate(fuzz::decode({data, size}),
                                   max / fuzz::CALL_BYTES, seed,
                                   LLVMFuzzerMutate),
                      data);
}

extern "C" std::size_t
LLVMFuzzerCustomCrossOver(const std::uint8_t *first, std::size_t first_size,
                          const std::uint8_t *second, std::size_t second_size,
                          std::uint8_t *out, std::size_t max, unsigned seed) {
    return fuzz::give(fuzz::cross(fuzz::decode({first, first_size}),
                                  fuzz::decode({second, second_size}),
                                  max / fuzz::CALL_BYTES, seed),
                      out);
}
