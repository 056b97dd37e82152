#include "dataplane/os/unix_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "dataplane/os/unix_address.h"
#include "tests/control/gate/unix_application.h"

namespace warp::control {
namespace {

using ::testing::HasSubstr;

class UnixPathTest : public ::testing::Test {
 protected:
  UnixPathTest() { options_.path = directory_ / "gate.sock"; }

  static os::UniqueFd Socket(int type = SOCK_DGRAM) {
    return os::UniqueFd(socket(AF_UNIX, type, 0));
  }
  std::string Error(int fd) {
    const absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd, options_);
    return path.ok() ? "" : std::string(path.status().message());
  }
  bool Exists() const { return access(options_.path.c_str(), F_OK) == 0; }
  mode_t Mode() const {
    struct stat file = {};
    stat(options_.path.c_str(), &file);
    return file.st_mode & 0777;
  }

  TemporaryDirectory directory_;
  os::UnixPathOptions options_;
};

TEST_F(UnixPathTest, TheFileHasTheModeWhateverTheUmask) {
  options_.mode = 0626;
  const mode_t before = umask(077);
  const os::UniqueFd fd = Socket();
  {
    const absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd.get(), options_);
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(Mode(), 0626u);
  }
  umask(before);
  EXPECT_FALSE(Exists());
}

TEST_F(UnixPathTest, TheFileIsGivenAway) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can";
  options_.owner = "nobody";
  options_.group = "daemon";
  const os::UniqueFd fd = Socket();
  const absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd.get(), options_);
  ASSERT_TRUE(path.ok()) << path.status();
  struct stat file = {};
  stat(options_.path.c_str(), &file);
  EXPECT_NE(file.st_uid, 0u);
  EXPECT_NE(file.st_gid, 0u);
}

TEST_F(UnixPathTest, UnknownAccountsAreErrorsThatLeaveNothing) {
  const os::UniqueFd fd = Socket();
  options_.group = "no-such-group";
  EXPECT_THAT(Error(fd.get()), HasSubstr("there is no group no-such-group"));
  options_.owner = "no-such-user";
  EXPECT_THAT(Error(fd.get()), HasSubstr("there is no user no-such-user"));
  EXPECT_FALSE(Exists());
}

TEST_F(UnixPathTest, AStaleFileIsReplaced) {
  {
    const os::UniqueFd old = Socket();
    const os::UnixAddress address = *os::UnixAddress::Of(options_.path);
    ASSERT_EQ(bind(old.get(), address.get(), address.size()), 0);
  }
  ASSERT_TRUE(Exists());
  const os::UniqueFd fd = Socket(SOCK_SEQPACKET);
  EXPECT_TRUE(os::UnixPath::Bind(fd.get(), options_).ok());
}

TEST_F(UnixPathTest, ALiveOneOfAnyTypeIsAnErrorAndStays) {
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM}) {
    const os::UniqueFd live = Socket(type);
    const absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(live.get(), options_);
    ASSERT_TRUE(path.ok()) << path.status();
    if (type != SOCK_DGRAM) {
      ASSERT_EQ(listen(live.get(), 1), 0);
    }
    const os::UniqueFd fd = Socket();
    EXPECT_THAT(Error(fd.get()), HasSubstr("another program is listening there"));
    EXPECT_TRUE(Exists());
  }
}

TEST_F(UnixPathTest, AFileOfAnotherKindIsInTheWayAndStays) {
  std::ofstream(options_.path) << "precious";
  const os::UniqueFd fd = Socket();
  EXPECT_THAT(Error(fd.get()), HasSubstr("a file of that name is in the way"));
  std::string content;
  std::ifstream(options_.path) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(UnixPathTest, SomebodyElsesFileIsLeftAlone) {
  const os::UniqueFd fd = Socket(), other = Socket();
  {
    const absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd.get(), options_);
    ASSERT_TRUE(path.ok());
    ASSERT_EQ(unlink(options_.path.c_str()), 0);
    const os::UnixAddress address = *os::UnixAddress::Of(options_.path);
    ASSERT_EQ(bind(other.get(), address.get(), address.size()), 0);
  }
  EXPECT_TRUE(Exists());
}

TEST_F(UnixPathTest, MakesTheLastDirectory) {
  options_.path = directory_ / "run/gate.sock";
  const os::UniqueFd fd = Socket();
  EXPECT_TRUE(os::UnixPath::Bind(fd.get(), options_).ok());
}

TEST_F(UnixPathTest, APathHasABound) {
  options_.path = directory_ / std::string(107, 'x');
  const os::UniqueFd fd = Socket();
  EXPECT_THAT(Error(fd.get()), HasSubstr("1 to 107 bytes"));
}

TEST(UnixAddressTest, KnowsWhatCanBeAnswered) {
  const os::UnixAddress path = *os::UnixAddress::Of(std::string("/a/b"));
  EXPECT_TRUE(path.is_reachable());
  EXPECT_EQ(path.path(), "/a/b");
  EXPECT_FALSE(os::UnixAddress().is_reachable());
  EXPECT_FALSE(os::UnixAddress::Of(std::string("relative"))->is_reachable());
  const os::UnixAddress abstract = *os::UnixAddress::Abstract("x");
  EXPECT_EQ(abstract.size(), sizeof(sa_family_t) + 2);
  EXPECT_FALSE(abstract.is_reachable());
  EXPECT_EQ(abstract.path(), "");
  EXPECT_FALSE(os::UnixAddress::Of(sockaddr_un{}, sizeof(sa_family_t)).is_reachable());
}

TEST(UnixAddressTest, AnAbstractNameIsTakenOnceAndLeavesNothing) {
  const os::UnixAddress name = *os::UnixAddress::Abstract("warp/test/" + std::to_string(getpid()));
  const auto bind_one = [&name] {
    os::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int error = bind(fd.get(), name.get(), name.size()) == 0 ? 0 : errno;
    return std::pair(std::move(fd), error);
  };
  {
    const auto [holder, error] = bind_one();
    EXPECT_EQ(error, 0);
    EXPECT_EQ(bind_one().second, EADDRINUSE);
  }
  EXPECT_EQ(bind_one().second, 0);
}

TEST(UnixAddressTest, AbstractNamesHaveABound) {
  EXPECT_TRUE(os::UnixAddress::Abstract(std::string(107, 'x')).ok());
  EXPECT_FALSE(os::UnixAddress::Abstract(std::string(108, 'x')).ok());
  EXPECT_FALSE(os::UnixAddress::Abstract("").ok());
}

}  // namespace
}  // namespace warp::control
