#include "tools/command/see/watch_command.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "tests/control/config/temp_dir.h"
#include "tools/ask/status_client.h"

namespace warp::tools {
namespace {

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() {
    setenv("TZ", "UTC", 1);
    const os::UnixAddress address = *os::UnixAddress::Of(path_);
    EXPECT_EQ(bind(listener_.get(), address.get(), address.size()), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    EXPECT_EQ(pipe(stop_), 0);
  }
  ~WatchTest() override {
    if (daemon_.joinable()) daemon_.join();
    close(stop_[0]);
    close(stop_[1]);
  }
  // A daemon that hears a request, says these pieces, and ends.
  void Daemon(std::vector<std::string> pieces) {
    daemon_ = std::thread([this, pieces = std::move(pieces)] {
      const os::UniqueFd client(accept(listener_.get(), nullptr, nullptr));
      char request[100];
      const ssize_t size = recv(client.get(), request, sizeof(request), 0);
      request_.assign(request, size > 0 ? static_cast<size_t>(size) : 0);
      for (const std::string& piece : pieces) {
        (void)send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
        std::this_thread::yield();
      }
    });
  }
  absl::Status Follow(size_t most) {
    const absl::Status status =
        FollowDaemon(path_, "watch 3", stop_[0], [&](const std::string& line) {
          lines_.push_back(line);
          return lines_.size() < most;
        });
    daemon_.join();
    return status;
  }

  TempDir directory_;
  const std::string path_ = directory_.At("sock");
  const os::UniqueFd listener_{socket(AF_UNIX, SOCK_STREAM, 0)};
  int stop_[2];
  std::thread daemon_;
  std::string request_;
  std::vector<std::string> lines_;
};

TEST_F(WatchTest, TakesLinesInWhateverPieces) {
  Daemon({"on", "e\ntwo\nth", "ree\n", "cut off"});
  EXPECT_EQ(Follow(100).message(), "the daemon at " + path_ + " has ended");
  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(request_, "watch 3\n");
}

TEST_F(WatchTest, EndsWhenItHasHeardEnough) {
  Daemon({"one\ntwo\nthree\n"});
  EXPECT_EQ(Follow(2), absl::OkStatus());
  EXPECT_EQ(lines_.size(), 2u);
}

TEST_F(WatchTest, EndsWhenItIsStopped) {
  EXPECT_EQ(write(stop_[1], "x", 1), 1);
  Daemon({"one\n"});
  EXPECT_EQ(Follow(100), absl::OkStatus());
}

TEST_F(WatchTest, ALineHasAnEnd) {
  Daemon({std::string(3 << 20, 'x')});
  EXPECT_NE(std::string(Follow(100).message()).find("it says too much"), std::string::npos);
  EXPECT_TRUE(lines_.empty());
}

TEST(EventLineTest, SaysWhenAndWhat) {
  setenv("TZ", "UTC", 1);
  EXPECT_EQ(EventLine(R"({"time":"2026-11-30T10:32:11.123Z","event":"path_down",)"
                      R"("severity":"warning","text":"peer hq: path lost"})"),
            "2026-11-30 10:32:11.123 ! peer hq: path lost [path_down]\n");
  EXPECT_EQ(EventLine(R"({"time":"x","event":"path_up","severity":"info","text":"a"})"),
            "x   a [path_up]\n");
  // A daemon that is broken, or of another version, may say anything.
  EXPECT_EQ(EventLine("\x1b[2J"), "?[2J\n");
  EXPECT_EQ(EventLine(R"({"text":"\u001b[2J"})").find('\x1b'), std::string::npos);
  EXPECT_NE(EventLine(R"({"text":5,"event":[]})"), "");
}

}  // namespace
}  // namespace warp::tools
