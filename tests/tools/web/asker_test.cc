#include "tools/web/asker.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace warp::tools {
namespace {

class AskerTest : public ::testing::Test {
 protected:
  AskerTest() : stop_(eventfd(0, EFD_CLOEXEC)) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ours_ = os::UniqueFd(pair[0]);
    theirs_ = os::UniqueFd(pair[1]);
  }

  // Answers in a thread of its own, as the process of root does.
  std::thread Serve() {
    return std::thread([this] {
      ServeAsks(
          ours_.get(),
          [this](const std::string& line) -> absl::StatusOr<std::string> {
            lines_.push_back(line);
            if (line == "status") return std::string(3 << 20, 's');
            return absl::PermissionDeniedError("not this one");
          },
          stop_.get());
    });
  }

  const os::UniqueFd stop_;
  os::UniqueFd ours_, theirs_;
  std::vector<std::string> lines_;
};

TEST_F(AskerTest, AnswersAndErrorsGoThrough) {
  std::thread server = Serve();
  {
    const Ask ask = AskThrough(std::move(theirs_));
    EXPECT_EQ(ask("status")->size(), size_t{3} << 20);
    const absl::StatusOr<std::string> refused = ask("cap set lte 0");
    EXPECT_EQ(refused.status(), absl::PermissionDeniedError("not this one"));
  }
  server.join();  // ends with the other end
  EXPECT_EQ(lines_, (std::vector<std::string>{"status", "cap set lte 0"}));
}

TEST_F(AskerTest, AStopEndsItAndTheOtherEndLearnsOfIt) {
  std::thread server = Serve();
  const uint64_t one = 1;
  ASSERT_EQ(write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  server.join();
  ours_.Close();
  EXPECT_FALSE(AskThrough(std::move(theirs_))("status").ok());
}

// The process that meets strangers may have become theirs.
TEST_F(AskerTest, NonsenseEndsIt) {
  std::thread server = Serve();
  const std::vector<uint8_t> nonsense(64, 0xff);  // a line of four gigabytes
  ASSERT_EQ(send(theirs_.get(), nonsense.data(), nonsense.size(), 0), 64);
  server.join();
  EXPECT_TRUE(lines_.empty());
}

TEST_F(AskerTest, HalfALineEndsIt) {
  std::thread server = Serve();
  ASSERT_EQ(send(theirs_.get(), "half", 4, 0), 4);
  server.join();
  EXPECT_TRUE(lines_.empty());
}

TEST_F(AskerTest, WhoDoesNotReadEndsIt) {
  std::thread server = Serve();
  const struct {
    uint32_t code = 0, size = 6;
    char line[6] = {'s', 't', 'a', 't', 'u', 's'};
  } request;
  ASSERT_GT(send(theirs_.get(), &request, 14, 0), 0);
  server.join();
  EXPECT_EQ(lines_.size(), 1u);
}

TEST(AskItselfTest, AsksNothingElse) {
  const Ask ask = AskItself("/nonexistent/socket", false);
  EXPECT_EQ(ask("tunnel set office mode=stripe").status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ask("status").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace warp::tools
