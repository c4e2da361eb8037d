// SPDX-License-Identifier: MIT
// gpumem: look at and exercise the memory of GPU buffers from the shell.
#include "error.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>

namespace {

int fail(std::string_view text, tool::exit_status status) {
    // One line, whatever the message looked like.
    std::string line(text);
    for (char &c : line)
        if (c == '\n')
            c = ' ';
    while (!line.empty() && line.back() == ' ')
        line.pop_back();
    fmt::print(stderr, "gpumem: {}\n", line);
    return static_cast<int>(status);
}

} // namespace

int main(int argc, char **argv) {
    CLI::App app{"Look at and exercise the memory of GPU buffers", "gpumem"};
    app.require_subcommand(1);
    app.footer("Exit status: 0 done, 1 could not be done, 2 bad command line.");

    try {
        tool::add_info(app);
        tool::add_fragment(app);
        tool::add_storm(app);
        tool::add_memmap(app);
        tool::add_compact(app);
        app.parse(argc, argv);
        if (std::fflush(stdout) != 0)
            return fail("cannot write to standard output",
                        tool::exit_status::failed);
    } catch (const CLI::ParseError &e) {
        if (e.get_exit_code() == 0) // --help
            return app.exit(e);
        return fail(std::string(e.what()) + " (see gpumem --help)",
                    tool::exit_status::usage);
    } catch (const tool::failure &e) {
        return fail(e.what(), e.status());
    } catch (const std::exception &e) {
        return fail(e.what(), tool::exit_status::failed);
    }
    return 0;
}
