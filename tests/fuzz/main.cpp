// SPDX-License-Identifier: MIT
// gpumem-fuzz: programs of calls that make sense to the driver, or nearly so.
#include "fuzz/engine.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <random>

namespace {

// "-name=value" or a directory; the others are mistakes.
bool is_engine_word(const std::string &word) {
    return (word.size() > 2 && word[0] == '-' && word[1] != '-' &&
            word.find('=') != std::string::npos) ||
           std::filesystem::is_directory(word);
}

} // namespace

int main(int argc, char **argv) {
    fuzz::Options options;
    options.seed = std::random_device{}();
    options.corpus = GPUMEM_FUZZ_CORPUS;
    const char *out = std::getenv("OUT");
    options.save = out ? std::string(out) + "/fuzz" : ".";
    std::string replayed;
    CLI::App app{
        "Fuzz the driver's ioctls and mappings with libFuzzer. Needs root "
        "and the driver for itself; run it in the guest.",
        "gpumem-fuzz"};
    app.set_help_flag("--help", "Print this and exit");
    const CLI::Option *calls =
        app.add_option("--calls", options.calls,
                       "Calls to make; 0: until libFuzzer ends (default: "
                       "100000, with words for "
                       "libFuzzer 0)");
    app.add_option("--seed", options.seed,
                   "Of all random choices (default: random)")
        ->check(CLI::Range(1U, 0xffffffffU));
    app.add_option("--progress", options.progress,
                   "Seconds between lines 'calls N'; 0: none")
        ->check(CLI::Range(0U, 1000000U))
        ->capture_default_str();
    app.add_option("--corpus", options.corpus,
                   "Inputs to begin with; it is only read")
        ->check(CLI::ExistingDirectory)
        ->capture_default_str();
    app.add_option("--save", options.save,
                   "Where an input goes that makes the driver fail")
        ->capture_default_str();
    app.add_option("--replay", replayed,
                   "Only do the calls of an input, and print each")
        ->check(CLI::ExistingFile);
    app.allow_extras();
    app.footer(
        "Words of the form -NAME=VALUE and directories go to libFuzzer as "
        "they are: it adds new inputs to\nthe first directory, and "
        "-merge=1 makes it the smallest set of inputs that reach the same.\n"
        "Exit status: 0, 1 if the driver failed, 2 for a wrong command line.");
    try {
        app.parse(argc, argv);
        options.words = app.remaining();
        const auto wrong =
            std::ranges::find_if_not(options.words, is_engine_word);
        if (wrong != options.words.end())
            throw CLI::ExtrasError({*wrong});
        if (calls->empty() && options.words.empty())
            options.calls = 100000;
        options.unhurried =
            std::ranges::any_of(options.words, [](const std::string &word) {
                return word.find("merge=") < 12;
            });
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) // --help
            return app.exit(error);
        fmt::print(stderr, "gpumem-fuzz: {} (see --help)\n", error.what());
        return 2;
    }
    try {
        if (!replayed.empty())
            return fuzz::replay(replayed);
        return fuzz::fuzz(options, argv[0]);
    } catch (const std::exception &error) {
        fmt::print(stderr, "gpumem-fuzz: {}\n", error.what());
        return 1;
    }
}
