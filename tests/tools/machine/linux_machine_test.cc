#include "tools/machine/linux_machine.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "dataplane/os/socket_address.h"
#include "dataplane/os/unique_fd.h"
#include "tests/control/config/temp_dir.h"
#include "tools/machine/network.h"

namespace warp::tools {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST(LinuxMachineTest, ReadsFilesAndDirectories) {
  const LinuxMachine machine;
  TempDir dir;
  const std::string path = dir.Write("b", "text", 0640);
  dir.Write("a", "");
  EXPECT_EQ(*machine.ReadFile(path), "text");
  EXPECT_THAT(*machine.List(dir.At("")), ElementsAre("a", "b"));
  EXPECT_EQ(*machine.Mode(path) & 07777, 0640u);
  EXPECT_NE(*machine.ReadFile("/proc/self/status"), "");
}

TEST(LinuxMachineTest, RefusesWhatIsNoFile) {
  const LinuxMachine machine;
  TempDir dir;
  EXPECT_TRUE(absl::IsNotFound(machine.ReadFile(dir.At("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(machine.List(dir.At("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(machine.LinkTarget(dir.At("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(machine.Mode(dir.At("none")).status()));
  EXPECT_FALSE(machine.ReadFile(dir.At("")).ok());
  EXPECT_FALSE(machine.ReadFile("/dev/zero").ok());
  ASSERT_EQ(mkfifo(dir.At("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(machine.ReadFile(dir.At("fifo")).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(
      machine.ReadFile(dir.Write("large", std::string(5 << 20, 'x'))).status()));
}

TEST(LinuxMachineTest, ResolvesAddresses) {
  EXPECT_THAT(*LinuxMachine().Resolve("192.0.2.1"), Contains(wire::IpAddress::V4({192, 0, 2, 1})));
  EXPECT_FALSE(LinuxMachine().Resolve("no such name").ok());
}

TEST(LinuxMachineTest, HearsThatNobodyListens) {
  const os::UniqueFd listener(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in bound{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&bound), sizeof(bound)), 0);
  socklen_t size = sizeof(bound);
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  const wire::Endpoint heard{wire::IpAddress::V4({127, 0, 0, 1}), ntohs(bound.sin_port)};
  // A port that somebody has taken without receiving: a socket that is connected elsewhere.
  const os::UniqueFd other(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  bound.sin_port = 0;
  ASSERT_EQ(bind(other.get(), reinterpret_cast<sockaddr*>(&bound), sizeof(bound)), 0);
  getsockname(other.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  const wire::Endpoint deaf{wire::IpAddress::V4({127, 0, 0, 1}), ntohs(bound.sin_port)};
  bound.sin_port = htons(9);
  ASSERT_EQ(connect(other.get(), reinterpret_cast<sockaddr*>(&bound), sizeof(bound)), 0);

  const auto results =
      KnockByUdp({{"lo", heard}, {"lo", deaf}, {"none-such", heard}}, std::chrono::seconds(1));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0], absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(results[1])) << results[1];
  EXPECT_TRUE(absl::IsUnavailable(results[2])) << results[2];
  EXPECT_TRUE(KnockByUdp({}, std::chrono::seconds(1)).empty());
}

}  // namespace
}  // namespace warp::tools
