#include "control/kernel/port_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
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

// "Fragmentation needed" for a datagram from the port to 127.0.0.9, with the size that fits; or another code of
// "destination unreachable".
void SendIcmp(uint16_t mtu, uint16_t from_port, uint8_t code = 4) {
  std::array<uint8_t, 36> message = {
      3, code, 0, 0, 0, 0, static_cast<uint8_t>(mtu >> 8), static_cast<uint8_t>(mtu)};
  const std::array<uint8_t, 20> ip = {0x45, 0, 5,   0xdc, 0, 0, 0x40, 0, 64, 17,
                                      0,    0, 127, 0,    0, 1, 127,  0, 0,  9};
  std::copy(ip.begin(), ip.end(), message.begin() + 8);
  message[28] = static_cast<uint8_t>(from_port >> 8);
  message[29] = static_cast<uint8_t>(from_port);
  uint32_t sum = 0;
  for (size_t i = 0; i < message.size(); i += 2) sum += uint32_t{message[i]} << 8 | message[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  message[2] = static_cast<uint8_t>(~sum >> 8);
  message[3] = static_cast<uint8_t>(~sum);
  const os::UniqueFd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  const os::SocketAddress to(wire::Endpoint{*wire::IpAddress::Parse("127.0.0.1"), 0});
  EXPECT_EQ(sendto(raw.get(), message.data(), message.size(), 0, to.get(), to.size()), 36);
}

TEST_F(PortGuardTest, TellsWhatRoutersSayOfSizes) {
  home_.Do([] {
    const auto guard = GuardPort(kPort);
    ASSERT_TRUE(guard.ok()) << guard.status();
    std::optional<SizeHint> hint;
    EXPECT_FALSE(ReadIcmpError(guard->get(), &hint));
    SendIcmp(1300, kPort + 1);  // of somebody else's
    SendIcmp(1300, kPort);
    pollfd ready{.fd = guard->get(), .events = 0, .revents = 0};
    EXPECT_EQ(poll(&ready, 1, 1000), 1);
    ASSERT_TRUE(ReadIcmpError(guard->get(), &hint) && hint.has_value());
    EXPECT_EQ(hint->to, *wire::IpAddress::Parse("127.0.0.9"));
    EXPECT_EQ(hint->mtu, 1300u);
    EXPECT_FALSE(ReadIcmpError(guard->get(), &hint));
    EXPECT_EQ(poll(&ready, 1, 0), 0);
  });
}

// Whoever makes up errors that say nothing of sizes must not keep the reader busy: each call takes one.
TEST_F(PortGuardTest, OtherErrorsAreReadOneByOne) {
  home_.Do([] {
    const auto guard = GuardPort(kPort);
    ASSERT_TRUE(guard.ok()) << guard.status();
    for (int i = 0; i < 3; ++i) SendIcmp(0, kPort, 3);  // "port unreachable"
    SendIcmp(1300, kPort);
    std::optional<SizeHint> hint;
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(ReadIcmpError(guard->get(), &hint));
      EXPECT_FALSE(hint.has_value());
    }
    EXPECT_TRUE(ReadIcmpError(guard->get(), &hint));
    EXPECT_TRUE(hint.has_value());
    EXPECT_FALSE(ReadIcmpError(guard->get(), &hint));
    EXPECT_FALSE(hint.has_value());
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

// A port that is a UDP socket has the same UDP port beside the guard, and gets what comes by its interface.
TEST_F(PortGuardTest, LetsASocketOfAnInterfaceHaveThePortAndNoOther) {
  home_.Do([] {
    const auto guard = GuardPort(kPort);
    ASSERT_TRUE(guard.ok()) << guard.status();
    const int on = 1;
    const auto open = [&](int share) {
      os::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, share, &on, sizeof(on)), 0);
      return fd;
    };
    const os::SocketAddress any(wire::Endpoint{wire::IpAddress::V4({}), kPort});
    const os::UniqueFd port = open(SO_REUSEPORT);
    ASSERT_EQ(setsockopt(port.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
    EXPECT_EQ(bind(port.get(), any.get(), any.size()), 0);
    const os::UniqueFd careless = open(SO_REUSEADDR);
    EXPECT_NE(bind(careless.get(), any.get(), any.size()), 0);
    EXPECT_EQ(GuardPort(kPort).status().code(), absl::StatusCode::kAlreadyExists);

    UdpApplication other({*wire::IpAddress::Parse("127.0.0.1"), 0});
    const os::SocketAddress to(wire::Endpoint{*wire::IpAddress::Parse("127.0.0.1"), kPort});
    EXPECT_EQ(sendto(other.fd(), "x", 1, 0, to.get(), to.size()), 1);
    char byte = 0;
    EXPECT_EQ(recv(port.get(), &byte, 1, 0), 1);
  });
}

}  // namespace
}  // namespace warp::control
