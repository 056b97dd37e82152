// A control socket that a reload moves.
#include "control/status/control_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>

#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "tests/control/config/temp_dir.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

class ControlSocketTest : public testing::Test {
 protected:
  // Whether somebody answers there.
  bool Answers(const std::string& name) {
    const os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const os::UnixAddress address = *os::UnixAddress::Of(directory_.At(name));
    if (connect(fd.get(), address.get(), address.size()) != 0) return false;
    (void)send(fd.get(), "status\n", 7, MSG_NOSIGNAL);
    char text[64];
    ssize_t size = -1;
    EXPECT_TRUE(TurnUntil(*loop_, [&] { return (size = recv(fd.get(), text, 64, 0)) >= 0; }));
    return size == 6;
  }
  absl::Status MoveTo(const std::string& name) { return socket_.MoveTo(directory_.At(name)); }

  const TempDir directory_;
  const std::unique_ptr<Loop> loop_ = MakeLoop();
  ControlSocket socket_{*loop_,
                        [](const StatusServer::Request&) {
                          return StatusServer::Reply(StatusServer::Whole("hello\n"));
                        },
                        std::chrono::milliseconds(300)};
};

TEST_F(ControlSocketTest, TheOneOfBeforeAnswersForAWhile) {
  ASSERT_EQ(MoveTo("a"), absl::OkStatus());
  EXPECT_TRUE(Answers("a"));
  ASSERT_EQ(MoveTo("b"), absl::OkStatus());
  EXPECT_TRUE(Answers("b"));
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return !std::filesystem::exists(directory_.At("a")); }));
  EXPECT_FALSE(Answers("a"));
  EXPECT_TRUE(Answers("b"));
}

TEST_F(ControlSocketTest, ThereAndBackAtOnce) {
  ASSERT_EQ(MoveTo("a"), absl::OkStatus());
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(MoveTo("b"), absl::OkStatus());
    ASSERT_EQ(MoveTo("a"), absl::OkStatus());
  }
  ASSERT_EQ(MoveTo("a"), absl::OkStatus());
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return !std::filesystem::exists(directory_.At("b")); }));
  EXPECT_TRUE(Answers("a"));
}

TEST_F(ControlSocketTest, APathThatIsTakenChangesNothing) {
  ASSERT_EQ(MoveTo("a"), absl::OkStatus());
  ControlSocket other(*loop_, [](const StatusServer::Request&) {
    return StatusServer::Reply(StatusServer::Whole("other\n"));
  });
  ASSERT_EQ(other.MoveTo(directory_.At("b")), absl::OkStatus());
  EXPECT_EQ(MoveTo("b").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Answers("a"));
  EXPECT_TRUE(Answers("b"));
}

}  // namespace
}  // namespace warp::control
