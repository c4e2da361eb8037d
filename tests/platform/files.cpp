// SPDX-License-Identifier: MIT
#include "platform/files.hpp"

#include "platform/chance.hpp"
#include "platform/process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace platform {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

using Words = std::vector<std::string>;

// Libraries in C that are a header each, and the word that makes them more.
// Their compiler takes 30 to 60 MiB; one of C++ takes twice that and more,
// which no device of this size has: it only ended for want of memory.
constexpr std::array<std::pair<const char *, const char *>, 8> LIBRARIES = {
    {{"stb_image", "STB_IMAGE_IMPLEMENTATION"},
     {"stb_image_write", "STB_IMAGE_WRITE_IMPLEMENTATION"},
     {"stb_truetype", "STB_TRUETYPE_IMPLEMENTATION"},
     {"stb_vorbis", "STB_VORBIS"},
     {"stb_ds", "STB_DS_IMPLEMENTATION"},
     {"stb_rect_pack", "STB_RECT_PACK_IMPLEMENTATION"},
     {"stb_sprintf", "STB_SPRINTF_IMPLEMENTATION"},
     {"stb_dxt", "STB_DXT_IMPLEMENTATION"}}};

constexpr std::size_t READ_AT_ONCE = 128 << 10;
constexpr std::size_t MOST_OF_A_FILE = 4 << 20;
// Once memory is full; until then as fast as it goes.
constexpr double BYTES_A_SECOND = 10e6;
// Where files are large, as libraries and pictures are.
constexpr std::array<const char *, 4> DIRECTORIES = {
    "/usr/lib/x86_64-linux-gnu", "/usr/libexec", "/usr/lib/gcc",
    "/usr/share/glmark2"};

// A command for each library.
std::vector<Words> commands() {
    std::vector<Words> result;
    for (const auto &[library, word] : LIBRARIES)
        result.push_back({"gcc", "-w", "-O0", "-x", "c",
                          std::string("-D") + word, "-c",
                          std::string("/usr/include/stb/") + library + ".h"});
    return result;
}

[[noreturn]] void execute(const Words &command) {
    // Who is killed for want of memory is counted, and need not say so.
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    std::vector<char *> words;
    words.reserve(command.size() + 1);
    for (const std::string &word : command)
        words.push_back(const_cast<char *>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    ::_exit(127);
}

} // namespace

void run_compiler(const Options &options, Shared &shared) {
    Random random(seed_of(options.seed, Of::compiler));
    auto all = commands();
    while (!shared.stop) {
        std::ranges::shuffle(all, random);
        for (Words command : all) {
            if (shared.stop)
                return;
            command.insert(command.end(), {"-o", "/tmp/platform.o"});
            const pid_t child =
                try_start(shared, Oom::soon, [&] { execute(command); });
            if (child < 0) {
                rest(shared, 1s);
                continue;
            }
            int status = 0;
            while (::waitpid(child, &status, WNOHANG) == 0) {
                if (shared.stop)
                    return; // it ends with us
                rest(shared, 50ms);
            }
            if (WIFSIGNALED(status))
                shared.killed++;
            else if (WEXITSTATUS(status) == 0)
                shared.compiled++;
            else
                shared.compile_failed++;
        }
    }
}

void run_reader(const Options &options, Shared &shared) {
    Random random(seed_of(options.seed, Of::files));
    std::vector<std::string> files;
    for (const char *directory : DIRECTORIES)
        for (const auto &entry : fs::recursive_directory_iterator(directory))
            if (!entry.is_symlink() && entry.is_regular_file())
                files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<char> piece(READ_AT_ONCE);
    Clock::time_point next;
    while (!shared.stop) {
        const int file = ::open(files[random() % files.size()].c_str(),
                                O_RDONLY | O_CLOEXEC);
        std::size_t done = 0;
        for (ssize_t got = 0;
             done < MOST_OF_A_FILE && !shared.stop &&
             (got = ::read(file, piece.data(), piece.size())) > 0;)
            done += static_cast<std::size_t>(got);
        ::close(file);
        shared.bytes_read += done;
        // At the same rate for all settings, however much is free. What a busy
        // machine did not get done is not made up for.
        if (!shared.full)
            continue;
        const auto now = Clock::now();
        next = std::max(next, now - 1s) +
               std::chrono::duration_cast<Clock::duration>(
                   std::chrono::duration<double>(static_cast<double>(done) /
                                                 BYTES_A_SECOND));
        rest(shared, next - now);
    }
}

} // namespace platform
