// SPDX-License-Identifier: MIT
#include "platform/apps.hpp"

#include "platform/chance.hpp"
#include "platform/contents.hpp"
#include "platform/process.hpp"
#include "support/system.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>
#include <set>

namespace platform {
namespace {

using namespace std::chrono_literals;
using support::PAGE;

// Together with the GPU's buffers, the balloon and the compiler more than there
// is, so that some of it is always in swap.
constexpr double APPS_PART = 0.29;
constexpr int APPS = 6;
constexpr std::size_t TOUCHED_AT_ONCE = 16;

// Anonymous memory, given back at the end.
class Memory {
public:
    explicit Memory(std::size_t bytes) : bytes_(bytes) {
        address_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (address_ == MAP_FAILED)
            throw std::bad_alloc();
    }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    ~Memory() { ::munmap(address_, bytes_); }

    [[nodiscard]] std::size_t pages() const { return bytes_ / PAGE; }
    [[nodiscard]] std::uint64_t *page(std::size_t at) const {
        return static_cast<std::uint64_t *>(address_) + at * Contents::WORDS;
    }

private:
    void *address_ = nullptr;
    std::size_t bytes_;
};

// Works on a part of its memory more than on the rest, as programs do.
void app(const Shared &shared, const Contents &contents, std::size_t bytes,
         std::uint64_t seed) {
    Random random(seed);
    const Memory memory(bytes);
    const auto end = Clock::now() + 15s + std::chrono::seconds(random() % 45);
    for (std::size_t at = 0; at < memory.pages() && !shared.stop; ++at)
        contents.fill(memory.page(at), Contents::random_kind(random), random());
    while (!shared.stop && Clock::now() < end) {
        for (std::size_t i = 0; i < TOUCHED_AT_ONCE; ++i) {
            const std::size_t range =
                random() % 4 ? memory.pages() / 4 + 1 : memory.pages();
            memory.page(random() % range)[random() % Contents::WORDS] ^= 1;
        }
        rest(shared, 40ms);
    }
}

} // namespace

void run_apps(const Options &options, Shared &shared) {
    Random random(seed_of(options.seed, Of::apps));
    const Contents contents(seed_of(options.seed, Of::contents));
    const auto mean = static_cast<std::size_t>(
        APPS_PART / APPS * static_cast<double>(options.memory));
    std::set<pid_t> running;
    while (!shared.stop) {
        while (running.size() < APPS) {
            // Half to one and a half of the mean.
            const std::size_t bytes =
                (mean / 2 + random() % mean) / PAGE * PAGE;
            const std::uint64_t seed = random();
            const pid_t child = try_start(
                shared, Oom::soon, [&] { app(shared, contents, bytes, seed); });
            if (child < 0)
                break;
            running.insert(child);
        }
        int status = 0;
        for (pid_t done = 0; (done = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            running.erase(done);
            shared.apps_ended++;
            if (WIFSIGNALED(status))
                shared.killed++;
        }
        rest(shared, 200ms);
    }
    for (const pid_t child : running)
        was_killed(child);
}

void run_forks(const Options &options, Shared &shared) {
    Random random(seed_of(options.seed, Of::forks));
    const Contents contents(seed_of(options.seed, Of::contents));
    while (!shared.stop) {
        const std::size_t bytes = (64 + random() % 960) * 1024 / PAGE * PAGE;
        const pid_t child = try_start(shared, Oom::soon, [&] {
            const Memory memory(bytes);
            for (std::size_t at = 0; at < memory.pages(); ++at)
                contents.fill(memory.page(at), Kind::text, at);
        });
        if (child >= 0) {
            shared.forks++;
            if (was_killed(child))
                shared.killed++;
        }
        rest(shared, std::chrono::milliseconds(100 + random() % 200));
    }
}

} // namespace platform
