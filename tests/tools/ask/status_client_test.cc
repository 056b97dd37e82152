// Daemons that answer late, and programs that ask late.
#include "tools/ask/status_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "tests/control/config/temp_dir.h"

namespace warp::tools {
namespace {

using std::chrono::milliseconds;

constexpr char kStatus[] = "{\"version\":1,\"node\":{\"public_key\":\"AAAA=\"}}\n";

// A daemon that is so busy that whoever comes has to wait before it can say a word: the first `late` answers are the
// status, as to somebody who says nothing, and those that follow are `answer`.
class BusyDaemon {
 public:
  BusyDaemon(const std::string& path, int late, std::string answer, milliseconds wait)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        first_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const os::UnixAddress address = *os::UnixAddress::Of(path);
    EXPECT_EQ(::bind(fd_.get(), address.get(), address.size()), 0);
    EXPECT_EQ(::listen(fd_.get(), 0), 0);
    // With this one the queue is full, and the next has to wait in connect(2).
    EXPECT_EQ(::connect(first_.get(), address.get(), address.size()), 0);
    thread_ = std::thread([this, late, answer = std::move(answer), wait] {
      while (!asked && !stop_) std::this_thread::sleep_for(milliseconds(1));
      std::this_thread::sleep_for(wait);
      Accept();
      for (int i = 0; !stop_; ++i) {
        const os::UniqueFd client = Accept();
        if (!client) return;
        char request[4096];
        const ssize_t size = ::recv(client.get(), request, sizeof(request), 0);
        requests_.emplace_back(request, size > 0 ? static_cast<size_t>(size) : 0);
        const std::string text = i < late ? kStatus : answer;
        (void)::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~BusyDaemon() { Stop(); }
  std::vector<std::string> Stop() {
    stop_ = true;
    ::shutdown(fd_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    return requests_;
  }

  std::atomic<bool> asked = false;

 private:
  os::UniqueFd Accept() {
    return os::UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  os::UniqueFd fd_, first_;
  std::atomic<bool> stop_ = false;
  std::vector<std::string> requests_;  // of the thread, as long as it runs
  std::thread thread_;
};

// What it answers has not heard the request. That is no daemon of an older version.
TEST(StatusClient, WhoWasNotHeardAsksAgain) {
  const TempDir dir;
  BusyDaemon daemon(dir.At("s"), 1, R"({"reload":[{"state":"none"}]})", milliseconds(1000));
  daemon.asked = true;
  const auto answer = AskDaemon(dir.At("s"), "reload show", std::chrono::seconds(60));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, R"({"reload":[{"state":"none"}]})");
  EXPECT_EQ(daemon.Stop(), (std::vector<std::string>{"reload show\n", "reload show\n"}));
}

// One that has done something is not asked again, however late it was.
TEST(StatusClient, AnAnswerIsTakenHoweverLate) {
  const TempDir dir;
  BusyDaemon daemon(dir.At("s"), 0, R"({"error":"another reload is under way"})",
                    milliseconds(1000));
  daemon.asked = true;
  const auto answer = AskDaemon(dir.At("s"), "reload", std::chrono::seconds(60));
  EXPECT_EQ(*answer, R"({"error":"another reload is under way"})");
  EXPECT_EQ(daemon.Stop().size(), 1u);
}

TEST(StatusClient, FollowersAskAgainToo) {
  const TempDir dir;
  BusyDaemon daemon(dir.At("s"), 1, "{\"event\":\"a\"}\n", milliseconds(1000));
  daemon.asked = true;
  std::vector<std::string> lines;
  (void)FollowDaemon(dir.At("s"), "watch 1", -1, [&](const std::string& line) {
    lines.push_back(line);
    return false;
  });
  EXPECT_EQ(lines, std::vector<std::string>{"{\"event\":\"a\"}"});
}

TEST(StatusClient, ADaemonThatIsThereAndBusyIsNotAway) {
  const TempDir dir;
  const os::UniqueFd mute(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const os::UnixAddress address = *os::UnixAddress::Of(dir.At("s"));
  ASSERT_EQ(::bind(mute.get(), address.get(), address.size()), 0);
  ASSERT_EQ(::listen(mute.get(), 4), 0);
  const absl::Status late = AskDaemon(dir.At("s"), "status", milliseconds(20)).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_TRUE(absl::StrContains(late.message(), "does not answer in time")) << late;
  EXPECT_TRUE(absl::IsUnavailable(AskDaemon(dir.At("none"), "status").status()));
}

TEST(StatusClient, SaysWhoDoesNotDoWhatWasAskedFor) {
  EXPECT_EQ(NoSuchRequest("/s", kStatus, "cannot reload").message(),
            "the daemon at /s is of a version that cannot reload");
  EXPECT_EQ(NoSuchRequest("/s", R"({"map":{"sessions":1}})", "cannot reload").message(),
            "the daemon at /s is a warp-map, which cannot reload");
}

}  // namespace
}  // namespace warp::tools
