// SPDX-License-Identifier: MIT
// A program of the graphics stack, unchanged, on a driver that has adopted the
// helper: kmscube, GBM and Mesa's kms_swrast on vkms. tools/test boots a guest
// with --vkms gpumem for it.
#include "support/compactor.hpp"
#include "support/crumbs.hpp"
#include "support/debugfs.hpp"
#include "support/system.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

std::string display() {
    const int card = support::open_drm("vkms", "card");
    if (card < 0)
        throw std::runtime_error("there is no vkms");
    std::string path =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(card));
    ::close(card); // whoever opens it next is its master
    return path;
}

// Draws a cube by GBM and OpenGL ES into dumb buffers of the display, and flips
// between them. It stops when there is something to read on its input.
class Kmscube {
public:
    Kmscube(const std::string &device, unsigned frames) {
        if (::pipe2(input_, O_CLOEXEC))
            throw std::runtime_error("no pipe");
        const std::string count = std::to_string(frames);
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(input_[0], STDIN_FILENO);
            const int log = ::open(LOG, O_WRONLY | O_CREAT | O_TRUNC, 0600);
            ::dup2(log, STDOUT_FILENO);
            ::dup2(log, STDERR_FILENO);
            ::execlp("kmscube", "kmscube", "-D", device.c_str(), "-c",
                     count.c_str(), "-v", "640x480", nullptr);
            ::_exit(127);
        }
    }
    Kmscube(const Kmscube &) = delete;
    Kmscube &operator=(const Kmscube &) = delete;
    ~Kmscube() {
        if (!has_ended()) {
            ::kill(child_, SIGKILL);
            ::waitpid(child_, &status_, 0);
        }
        ::close(input_[0]);
        ::close(input_[1]);
    }

    bool has_ended() {
        ended_ = ended_ || ::waitpid(child_, &status_, WNOHANG) == child_;
        return ended_;
    }
    [[nodiscard]] int status() const { return status_; }
    [[nodiscard]] static std::string log() { return support::read_file(LOG); }

private:
    static constexpr auto LOG = "/tmp/kmscube.log";
    int input_[2] = {-1, -1};
    pid_t child_ = -1;
    int status_ = 0;
    bool ended_ = false;
};

TEST(VkmsKmscube, DrawsWhileItsBuffersMove) {
    if (!support::kernel_is_at_least(6, 12))
        GTEST_SKIP() << "this vkms, also without the helper, refuses the "
                        "framebuffer modifier that kmscube sets";
    // Larger than the crumbs; Mesa rounds up.
    constexpr std::uint64_t SIZE = 640 * 480 * 4;
    const gpumem::Device device = gpumem::Device::open();
    std::map<std::uint64_t, support::ObjectState> seen;
    std::uint64_t on_screen = 0;

    // Its buffers are to lie among crumbs, or there is nothing to compact.
    auto crumbs = std::make_unique<support::Crumbs>(device, 160);
    Kmscube kmscube(display(), 200);
    {
        const support::Compactor storm;
        while (!kmscube.has_ended()) {
            for (const auto &[id, state] : support::object_states())
                if (state.size >= SIZE) {
                    seen[id] = state;
                    on_screen += state.pins != 0;
                }
            EXPECT_EQ(crumbs->first_wrong(), "");
            crumbs.reset();
            crumbs = std::make_unique<support::Crumbs>(device, 160);
        }
    }

    EXPECT_TRUE(WIFEXITED(kmscube.status()) &&
                WEXITSTATUS(kmscube.status()) == 0)
        << Kmscube::log();
    EXPECT_NE(Kmscube::log().find("Rendered 199 frames"), std::string::npos)
        << Kmscube::log();
    EXPECT_GE(seen.size(), 2U) << "it does not draw into the display's buffers";
    EXPECT_GT(on_screen, 0U);
    std::uint64_t moved = 0;
    for (const auto &[id, state] : seen)
        moved += state.moved;
    EXPECT_GT(moved, 0U);
    RecordProperty("moved", std::to_string(moved));
}

} // namespace
