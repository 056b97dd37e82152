#include "control/kernel/port_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>

#include <string>

#include "tests/control/gate/udp_application.h"
#include "tests/control/network_namespace.h"

namespace warp::control {
namespace {

using ::testing::HasSubstr;

constexpr uint16_t kPort = 13116;

class PortGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // The ports must belong to a namespace of the test.
    if (!home_.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
  // Sends a datagram to the port. Returns whether "port unreachable" came back.
  static bool Refused(const char* address) {
    const wire::IpAddress ip = *wire::IpAddress::Parse(address);
    UdpApplication app({ip, 0});
    const os::SocketAddress to(wire::Endpoint{ip, kPort});
    EXPECT_EQ(connect(app.fd(), to.get(), to.size()), 0);
    EXPECT_EQ(send(app.fd(), "x", 1, 0), 1);
    // On loopback the error is there at once.
    return send(app.fd(), "x", 1, 0) == -1 && errno == ECONNREFUSED;
  }
  NetworkNamespace home_;
};

TEST_F(PortGuardTest, KeepsTheKernelQuiet) {
  home_.Do([] {
    EXPECT_TRUE(Refused("127.0.0.1"));
    EXPECT_TRUE(Refused("::1"));
    const auto guard = GuardPort(kPort);
    ASSERT_TRUE(guard.ok()) << guard.status();
    EXPECT_FALSE(Refused("127.0.0.1"));
    EXPECT_FALSE(Refused("::1"));
    pollfd ready{.fd = guard->get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&ready, 1, 0), 0);  // the guard's socket has queued nothing
  });
}

TEST_F(PortGuardTest, FindsThePortInUse) {
  home_.Do([] {
    for (const char* address : {"127.0.0.1", "::1"}) {
      UdpApplication other({*wire::IpAddress::Parse(address), kPort});
      const auto guard = GuardPort(kPort);
      EXPECT_EQ(guard.status().code(), absl::StatusCode::kAlreadyExists);
      EXPECT_THAT(std::string(guard.status().message()), HasSubstr("UDP port 13116 is in use"));
    }
    const auto guard = GuardPort(kPort);
    EXPECT_TRUE(guard.ok());
    EXPECT_EQ(GuardPort(kPort).status().code(), absl::StatusCode::kAlreadyExists);
  });
}

}  // namespace
}  // namespace warp::control
