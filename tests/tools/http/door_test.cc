// What is served is never open to more people than the control socket.
#include "tools/http/door.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <string>

#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_path.h"
#include "dataplane/wire/crypto/keys.h"
#include "tests/control/config/temp_dir.h"

namespace warp::tools {
namespace {

constexpr char kText[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";

class DoorTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(wire::InitCrypto().ok()); }
  std::string Socket() const { return directory_.At("d.sock"); }
  Door Of(const std::string& listen, const std::string& file = "") {
    return *Door::Open(listen, Socket(), file);
  }

  TempDir directory_;
};

TEST_F(DoorTest, TheLoopbackIsNoLock) {
  os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  const auto path = os::UnixPath::Bind(fd.get(), {.path = Socket(), .mode = 0660});
  ASSERT_TRUE(path.ok()) << path.status();
  for (const char* listen : {"127.0.0.1:8116", "[::1]:8116", "127.9.9.9:1"}) {
    const Door door = Of(listen);
    ASSERT_TRUE(door.token.has_value()) << listen;
    EXPECT_TRUE(door.token->Is(door.made));
    EXPECT_NE(door.made, Of(listen).made);
  }
  EXPECT_TRUE(Door::Open("127.0.0.1:1", directory_.At("none"), "")->token.has_value());
  // Where everybody may ask the daemon, everybody may see it.
  ASSERT_EQ(chmod(Socket().c_str(), 0666), 0);
  EXPECT_FALSE(Of("127.0.0.1:8116").token.has_value());
}

TEST_F(DoorTest, AUnixSocketHasItsMode) {
  EXPECT_FALSE(Of("unix:/run/warp/web.sock").token.has_value());
}

TEST_F(DoorTest, AFileNamesATokenThatStays) {
  const std::string file = directory_.Write("token", std::string(kText) + "\n");
  const Door door = Of("127.0.0.1:8116", file);
  EXPECT_TRUE(door.token->Is(kText));
  EXPECT_EQ(door.made, "");
  EXPECT_TRUE(Of("unix:/x", file).token.has_value());
  EXPECT_FALSE(Door::Open("127.0.0.1:1", Socket(), directory_.At("none")).ok());
}

// Whether that is allowed at all is the program's to say.
TEST_F(DoorTest, ElsewhereNothingIsMade) {
  EXPECT_FALSE(Of("0.0.0.0:8116").token.has_value());
  EXPECT_FALSE(Of("nonsense").token.has_value());
}

}  // namespace
}  // namespace warp::tools
