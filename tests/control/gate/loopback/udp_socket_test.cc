// Gates for devices of a network: who may send, and multicast. Each test has a network of its own.
#include "control/gate/loopback/udp_socket.h"

#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>

#include <memory>
#include <string>

#include "control/gate/loopback/loopback_gate.h"
#include "tests/control/gate/loopback/joined_gates.h"
#include "tests/control/network_namespace.h"

namespace warp::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::Drop;

wire::IpAddress Ip(const char* text) { return *wire::IpAddress::Parse(text); }

// An interface `lan` with these addresses, each of which stands for a device too.
bool MakeLan() {
  return NetworkNamespace::Run(
      "ip link add lan type veth peer name switch && ip link set switch up && ip addr add "
      "10.9.0.1/24 dev lan && "
      "ip addr add 10.9.0.5/24 dev lan && ip addr add 10.8.0.5/24 dev lan && "
      "ip addr add fd09::1/64 dev lan nodad && ip link set lan up");
}

// By the interface of the device with this address.
void SendBy(UdpApplication& app, const char* interface) {
  ip_mreqn request{};
  request.imr_ifindex = static_cast<int>(if_nametoindex(interface));
  EXPECT_EQ(setsockopt(app.fd(), IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request)), 0);
}

bool OfLan(const wire::IpAddress& sender) {
  return sender.is_v4() && sender.v4_bytes()[1] == 9;  // 10.9.0.0/16
}

TEST(UdpGateTest, DevicesThatAreAllowedMaySendAndHaveAnswers) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(MakeLan());
    auto loop = MakeLoop();
    Wire sink;
    auto gate =
        LoopbackGate::Open(*loop, {.listen = {Ip("10.9.0.1"), 9005}, .allowed = OfLan}, sink);
    ASSERT_TRUE(gate.ok()) << gate.status();
    UdpApplication camera({Ip("10.9.0.5"), 0}), stranger({Ip("10.8.0.5"), 0});
    ASSERT_TRUE(stranger.Send((*gate)->local(), "not from here"));
    ASSERT_TRUE(camera.Send((*gate)->local(), "frame"));
    ASSERT_TRUE(TurnUntil(*loop, [&] {
      return sink.flows.size() == 1 && (*gate)->counters().drops.Get(Drop::kForeignSender) == 1;
    }));
    EXPECT_EQ((*gate)->receiver(), camera.local());
    (*gate)->Deliver(PayloadOf("pan left"));
    (*gate)->Flush();
    EXPECT_THAT(Receive(*loop, camera, 1), ElementsAre("pan left"));
    EXPECT_EQ(camera.from, (*gate)->local());
  });
}

TEST(UdpGateTest, WithoutPermissionOnlyLoopbackAddressesAreServed) {
  auto loop = MakeLoop();
  Wire sink;
  EXPECT_EQ(LoopbackGate::Open(*loop, {.listen = {Ip("10.9.0.1"), 9005}}, sink).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(UdpGateTest, TakesPartInAGroup) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(MakeLan());
    auto loop = MakeLoop();
    Wire to_out, nothing;
    const wire::IpAddress in = Ip("239.1.2.3"), out = Ip("239.1.2.4");
    auto from_group = LoopbackGate::Open(*loop,
                                         {.listen = {Ip("10.9.0.1"), 5004},
                                          .allowed = OfLan,
                                          .multicast = {.group = in, .interface = "lan"}},
                                         to_out);
    ASSERT_TRUE(from_group.ok()) << from_group.status();
    auto to_group = LoopbackGate::Open(*loop,
                                       {.listen = {Ip("10.9.0.1"), 5006},
                                        .deliver = wire::Endpoint{out, 5008},
                                        .allowed = OfLan,
                                        .multicast = {.interface = "lan"}},
                                       nothing);
    ASSERT_TRUE(to_group.ok()) << to_group.status();
    to_out.other = to_group->get();
    // A player that has joined the second group, and an encoder that sends to the first one.
    auto player =
        OpenUdpSocket({Ip("10.9.0.5"), 5008}, 1 << 16, {.group = out, .interface = "lan"});
    ASSERT_TRUE(player.ok()) << player.status();
    UdpApplication encoder({Ip("10.9.0.5"), 0});
    SendBy(encoder, "lan");
    ASSERT_TRUE(encoder.Send({in, 5004}, "picture"));
    char buffer[100];
    ssize_t size = -1;
    ASSERT_TRUE(TurnUntil(*loop, [&] {
      return (size = recv(player->fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT)) >= 0;
    }));
    EXPECT_EQ(std::string(buffer, static_cast<size_t>(size)), "picture");
    // Not at the group's address, and not of those who may not send.
    UdpApplication stranger({Ip("10.8.0.5"), 0});
    SendBy(stranger, "lan");
    ASSERT_TRUE(stranger.Send({in, 5004}, "other picture"));
    ASSERT_TRUE(TurnUntil(
        *loop, [&] { return (*from_group)->counters().drops.Get(Drop::kForeignSender) == 1; }));
    EXPECT_EQ(to_out.flows.size(), 1u);
  });
}

TEST(UdpGateTest, SaysWhatIsNotThere) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(MakeLan());
    EXPECT_THAT(std::string(OpenUdpSocket({Ip("10.9.0.1"), 5004}, 1 << 16,
                                          {.group = Ip("239.1.2.3"), .interface = "lan9"})
                                .status()
                                .message()),
                HasSubstr("there is no interface lan9"));
    EXPECT_THAT(std::string(OpenUdpSocket({Ip("10.77.0.1"), 5004}, 1 << 16, {}).status().message()),
                HasSubstr("10.77.0.1:5004 does not exist here"));
    EXPECT_TRUE(OpenUdpSocket({Ip("fd09::1"), 5004}, 1 << 16,
                              {.group = Ip("ff02::4242"), .interface = "lan"})
                    .ok());
  });
}

}  // namespace
}  // namespace warp::control
