// Gates for devices of a network: who may send, and multicast. Each test has a network of its own.
#include "control/gate/udp/udp_socket.h"

#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>

#include <memory>
#include <string>

#include "control/gate/udp/udp_gate.h"
#include "tests/control/gate/udp/joined_gates.h"
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

// The other end of `lan`: a namespace of its own, with these addresses.
bool MakeDevice(NetworkNamespace& device) {
  return NetworkNamespace::Run("ip link set switch netns " + std::to_string(device.tid())) &&
         device.Sh(
             "ip addr add 10.9.0.9/24 dev switch && ip addr add fd09::9/64 dev switch nodad && "
             "ip addr add fe80::9/64 dev switch nodad && ip link set switch up");
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

TEST(UdpGateLanTest, DevicesThatAreAllowedMaySendAndHaveAnswers) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(MakeLan());
    auto loop = MakeLoop();
    Wire sink;
    auto gate = UdpGate::Open(*loop, {.listen = {Ip("10.9.0.1"), 9005}, .allowed = OfLan}, sink);
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

TEST(UdpGateLanTest, WithoutPermissionOnlyLoopbackAddressesAreServed) {
  auto loop = MakeLoop();
  Wire sink;
  EXPECT_EQ(UdpGate::Open(*loop, {.listen = {Ip("10.9.0.1"), 9005}}, sink).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(UdpGateLanTest, TakesPartInAGroup) {
  NetworkNamespace home, device;
  if (!home.valid() || !device.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([&] {
    ASSERT_TRUE(MakeLan() && MakeDevice(device));
    auto loop = MakeLoop();
    Wire to_out, nothing;
    const wire::IpAddress in = Ip("239.1.2.3"), out = Ip("239.1.2.4");
    auto from_group = UdpGate::Open(*loop,
                                    {.listen = {Ip("10.9.0.1"), 5004},
                                     .allowed = OfLan,
                                     .multicast = {.group = in, .interface = "lan"}},
                                    to_out);
    ASSERT_TRUE(from_group.ok()) << from_group.status();
    auto to_group = UdpGate::Open(*loop,
                                  {.listen = {Ip("10.9.0.1"), 5006},
                                   .deliver = wire::Endpoint{out, 5008},
                                   .allowed = OfLan,
                                   .multicast = {.interface = "lan"}},
                                  nothing);
    ASSERT_TRUE(to_group.ok()) << to_group.status();
    to_out.other = to_group->get();
    // A player that has joined the second group, and an encoder that sends to the first one.
    absl::StatusOr<UdpSocket> player = absl::UnknownError("");
    device.Do([&] {
      player =
          OpenUdpSocket({Ip("10.9.0.9"), 5008}, 1 << 16, {.group = out, .interface = "switch"});
    });
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

// Two nodes, each with one gate that takes what is sent to a group and one that sends to it, would go on for ever with
// each datagram.
TEST(UdpGateLanTest, WhatOneGateSendsToAGroupComesInByNone) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(MakeLan());
    for (const bool v4 : {true, false}) {
      auto loop = MakeLoop();
      Wire heard, nothing;
      const wire::IpAddress here = Ip(v4 ? "10.9.0.1" : "fd09::1");
      const wire::IpAddress group = Ip(v4 ? "239.1.2.3" : "ff05::4242");
      const auto anybody = [](const wire::IpAddress&) { return true; };
      auto from_group = UdpGate::Open(*loop,
                                      {.listen = {here, 5004},
                                       .allowed = anybody,
                                       .multicast = {.group = group, .interface = "lan"}},
                                      heard);
      ASSERT_TRUE(from_group.ok()) << from_group.status();
      auto to_group = UdpGate::Open(*loop,
                                    {.listen = {here, 5006},
                                     .deliver = wire::Endpoint{group, 5004},
                                     .allowed = anybody,
                                     .multicast = {.interface = "lan"}},
                                    nothing);
      ASSERT_TRUE(to_group.ok()) << to_group.status();
      (*to_group)->Deliver(PayloadOf("ours"));
      (*to_group)->Flush();
      EXPECT_EQ((*to_group)->counters().to_app, 1u);
      Settle(*loop);
      EXPECT_EQ(heard.flows.size(), 0u) << group.ToString();
      if (!v4) continue;
      UdpApplication encoder({Ip("10.9.0.5"), 0});
      SendBy(encoder, "lan");
      ASSERT_TRUE(encoder.Send({group, 5004}, "somebody else's"));
      EXPECT_TRUE(TurnUntil(*loop, [&] { return heard.flows.size() == 1; }));
    }
  });
}

// Another program may have joined it there.
TEST(UdpGateLanTest, WhatIsSentToTheGroupByAnotherInterfaceDoesNotComeIn) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(MakeLan());
    ASSERT_TRUE(NetworkNamespace::Run(
        "ip link add lan2 type veth peer name switch2 && ip link set switch2 up && "
        "ip addr add 10.9.2.1/24 dev lan2 && ip link set lan2 up"));
    auto loop = MakeLoop();
    Wire heard;
    const wire::IpAddress group = Ip("239.1.2.3");
    auto gate = UdpGate::Open(*loop,
                              {.listen = {Ip("10.9.0.1"), 5004},
                               .allowed = OfLan,
                               .multicast = {.group = group, .interface = "lan"}},
                              heard);
    ASSERT_TRUE(gate.ok()) << gate.status();
    const auto other =
        OpenUdpSocket({Ip("10.9.2.1"), 5005}, 1 << 16, {.group = group, .interface = "lan2"});
    ASSERT_TRUE(other.ok()) << other.status();
    UdpApplication encoder({Ip("10.9.0.5"), 0});
    SendBy(encoder, "lan2");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(encoder.Send({group, 5004}, "by another one"));
    Settle(*loop);
    SendBy(encoder, "lan");
    ASSERT_TRUE(encoder.Send({group, 5004}, "by its own"));
    ASSERT_TRUE(TurnUntil(*loop, [&] { return !heard.flows.empty(); }));
    EXPECT_EQ(heard.flows.size(), 1u);
  });
}

// As it does where it sends to a group of the link. Its address says nothing without the interface.
TEST(UdpGateLanTest, ADeviceWithALinkLocalAddressHasItsAnswers) {
  NetworkNamespace home, device;
  if (!home.valid() || !device.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([&] {
    // Without being told, the kernel would take the first interface that there is.
    ASSERT_TRUE(NetworkNamespace::Run(
        "ip link add first type veth peer name second && ip link set first up && "
        "ip link set second up"));
    ASSERT_TRUE(MakeLan() && MakeDevice(device));
    std::unique_ptr<UdpApplication> camera;
    device.Do([&] {
      camera = std::make_unique<UdpApplication>(wire::Endpoint{Ip("fe80::9"), 0},
                                                if_nametoindex("switch"));
    });
    for (const size_t flows : {1, 4}) {
      auto loop = MakeLoop();
      Wire heard;
      auto gate = UdpGate::Open(
          *loop,
          {.listen = {Ip("fd09::1"), 9005},
           .flows = flows,
           .allowed = [](const wire::IpAddress& sender) { return sender.is_link_local(); }},
          heard);
      ASSERT_TRUE(gate.ok()) << gate.status();
      // The way to the gate's address may have to be found first.
      ASSERT_TRUE(TurnUntil(*loop, [&] {
        camera->Send((*gate)->local(), "frame");
        return !heard.flows.empty();
      }));
      (*gate)->Deliver(PayloadOf("pan left", {.number = 0, .answer = flows > 1}));
      (*gate)->Flush();
      EXPECT_THAT(Receive(*loop, *camera, 1), ElementsAre("pan left")) << flows;
    }
  });
}

// Such a datagram wants no answer, and nobody can be sent to there. It takes the answers of nobody else.
TEST(UdpGateLanTest, WhoeverSendsFromPort0GetsNoAnswers) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(MakeLan());
    auto loop = MakeLoop();
    Wire heard;
    auto gate = UdpGate::Open(*loop, {.listen = {Ip("10.9.0.1"), 9005}, .allowed = OfLan}, heard);
    ASSERT_TRUE(gate.ok()) << gate.status();
    UdpApplication camera({Ip("10.9.0.5"), 0});
    ASSERT_TRUE(camera.Send((*gate)->local(), "frame"));
    ASSERT_TRUE(TurnUntil(*loop, [&] { return heard.flows.size() == 1; }));
    const os::UniqueFd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
    const os::SocketAddress from({Ip("10.9.0.5"), 0}), to({Ip("10.9.0.1"), 0});
    ASSERT_EQ(bind(raw.get(), from.get(), from.size()), 0);
    const uint8_t datagram[] = {0, 0, 9005 >> 8, 9005 & 0xff, 0, 9, 0, 0, 'x'};
    ASSERT_EQ(sendto(raw.get(), datagram, sizeof(datagram), 0, to.get(), to.size()),
              static_cast<ssize_t>(sizeof(datagram)));
    ASSERT_TRUE(TurnUntil(*loop, [&] { return heard.flows.size() == 2; }));
    EXPECT_EQ((*gate)->receiver(), camera.local());
    EXPECT_EQ((*gate)->counters().takeovers, 0u);
  });
}

TEST(UdpGateLanTest, SaysWhatIsNotThere) {
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
