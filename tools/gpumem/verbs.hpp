// SPDX-License-Identifier: MIT
// The verbs of the gpumem tool. Each adds its subcommand to the command line;
// the subcommand's callback does the work and throws tool::failure.
#pragma once

namespace CLI {
class App;
}

namespace tool {

void add_info(CLI::App &app);
void add_fragment(CLI::App &app);
void add_storm(CLI::App &app);
void add_memmap(CLI::App &app);
void add_compact(CLI::App &app);

} // namespace tool
