// Stories of two nodes that find each other. They test the rules of the handshake, in virtual time.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/wire/message.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Drop;

bool BothConnected(VirtualNet& net) { return net.Connected(0, 1) && net.Connected(1, 0); }

// Expects that payloads flow in both directions, and that each arrives exactly once.
void ExpectTraffic(VirtualNet& net) {
  net.TakeReceived(0);
  net.TakeReceived(1);
  ASSERT_TRUE(net.Send(0, 1, "ping"));
  ASSERT_TRUE(net.Send(1, 0, "pong"));
  net.Run(100ms);
  EXPECT_EQ(net.TakeReceived(1), std::vector<std::string>{"ping"});
  EXPECT_EQ(net.TakeReceived(0), std::vector<std::string>{"pong"});
}

size_t CountType(const std::vector<Seen>& seen, wire::MessageType type) {
  return static_cast<size_t>(std::count_if(seen.begin(), seen.end(), [&](const Seen& s) {
    return s.type() == static_cast<uint8_t>(type);
  }));
}

// Makes the nodes peers of each other. Only `caller` knows the endpoints of the other.
void Introduce(VirtualNet& net, int caller) {
  net.AddPeer(caller, 1 - caller);
  net.AddPeer(1 - caller, caller, /*endpoints=*/false);
}

TEST(Handshake, OneSideCalls) {
  VirtualNet net({});
  Introduce(net, 0);
  EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 100ms));
  EXPECT_TRUE(net.Peer(0, 1).session->initiator());
  EXPECT_FALSE(net.Peer(1, 0).session->initiator());
  net.Run(1s);
  ExpectTraffic(net);
}

TEST(Handshake, BothSidesStartAtOnceAndAgree) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    VirtualNet net({.ports = {2, 3}, .seed = seed});
    net.Introduce(0, 1);
    EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 200ms));
    net.Run(1s);
    // Two handshakes crossed. Both nodes send in the session that the node with the smaller key initiated.
    const bool smaller = net.key(0) < net.key(1);
    EXPECT_EQ(net.Peer(0, 1).session->initiator(), smaller);
    EXPECT_EQ(net.Peer(1, 0).session->initiator(), !smaller);
    EXPECT_EQ(net.Peer(0, 1).session->local_index(), net.Peer(1, 0).session->remote_index());
    EXPECT_EQ(net.ActivePaths(0, 1), 6u);
    EXPECT_EQ(net.ActivePaths(1, 0), 6u);
    ExpectTraffic(net);
  }
}

TEST(Handshake, EveryPathCarriesACopyAndEachIsAnsweredAlike) {
  VirtualNet net({.ports = {2, 3}});
  net.Record(true);
  Introduce(net, 0);
  ASSERT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 100ms));
  const std::vector<Seen> seen = net.TakeSeen();
  ASSERT_EQ(CountType(seen, wire::MessageType::kInitiation), 6u);
  ASSERT_EQ(CountType(seen, wire::MessageType::kResponse), 6u);
  EXPECT_EQ(net.Drops(1, Drop::kHandshakeRepeated), 5u);
  const auto is_response = [](const Seen& s) { return s.type() == 3; };
  const auto first = std::find_if(seen.begin(), seen.end(), is_response);
  for (const Seen& s : seen) {
    if (!is_response(s)) continue;
    EXPECT_EQ(s.datagram, first->datagram);
    // The response goes to the source of that copy, from the port at which the copy arrived.
    EXPECT_EQ(std::count_if(
                  seen.begin(), seen.end(),
                  [&](const Seen& i) { return i.type() == 2 && i.from == s.to && i.to == s.from; }),
              1);
  }
  EXPECT_EQ(net.node(1).GetForwarding().peers[0].receive.size(), 1u);
}

TEST(Handshake, FastestPathWorksInOneDirectionOnly) {
  for (const int caller : {0, 1}) {
    for (const int deaf : {0, 1}) {  // the node that hears nothing on the fast path
      VirtualNet net({.ports = {2, 2}});
      net.DelayBoth(0, 0, 1, 0, 1ms);
      net.DelayBoth(0, 1, 1, 1, 30ms);
      net.DelayBoth(0, 0, 1, 1, 40ms);
      net.DelayBoth(0, 1, 1, 0, 50ms);
      net.CutWay(1 - deaf, 0, deaf, 0);
      Introduce(net, caller);
      EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 300ms)) << caller << deaf;
      net.Run(1s);
      ExpectTraffic(net);
    }
  }
}

TEST(Handshake, OnlyTheSlowestPathAnswers) {
  VirtualNet net({.ports = {2, 1}});
  net.DelayBoth(0, 1, 1, 0, 600ms);
  net.CutWay(1, 0, 0, 0);
  Introduce(net, 0);
  EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 5s));
  EXPECT_EQ(net.node(1).GetForwarding().peers[0].receive.size(), 1u)
      << "one handshake is enough, retries are copies";
}

TEST(Handshake, LosesHalfOfAllDatagrams) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    VirtualNet net({.ports = {1, 1}, .seed = seed});
    net.Loss(0.5);
    net.Introduce(0, 1);
    EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 30s)) << seed;
  }
}

TEST(Handshake, RestartedNodeHasItsTrafficBackWithinThreeSeconds) {
  for (const int caller : {0, 1}) {
    for (const Duration pause : {Duration(0s), Duration(500ms), Duration(30s), Duration(200s)}) {
      VirtualNet net({.ports = {2, 2}});
      Introduce(net, caller);
      net.Run(2s);
      net.Kill(1);
      net.Run(pause);
      net.Start(1);
      EXPECT_TRUE(net.RunUntil(
          [&] {
            return BothConnected(net) &&
                   net.Peer(0, 1).session->remote_index() == net.Peer(1, 0).session->local_index();
          },
          caller == 0 ? 2500ms : 500ms));
      net.Run(500ms);
      ExpectTraffic(net);
    }
  }
}

TEST(Handshake, ClockIn1970IsNoHindrance) {
  for (const int caller : {0, 1}) {
    for (const bool one_way : {false, true}) {
      VirtualNet net({.ports = {2, 2}});
      if (one_way) {
        net.DelayBoth(0, 0, 1, 0, 1ms);
        net.CutWay(1 - caller, 0, caller, 0);
      }
      Introduce(net, caller);
      net.Run(2s);
      net.SetClock(caller, 0);
      net.Restart(caller);
      EXPECT_TRUE(net.RunUntil(
          [&] {
            return BothConnected(net) &&
                   net.Peer(0, 1).session->remote_index() == net.Peer(1, 0).session->local_index();
          },
          3s));
      EXPECT_GT(net.Drops(1 - caller, Drop::kHandshakeStale), 0u);
      net.Run(500ms);
      ExpectTraffic(net);
    }
  }
}

TEST(Handshake, BothClocksIn1970) {
  VirtualNet net({.ports = {2, 2}});
  net.SetClock(0, 0);
  net.SetClock(1, 0);
  net.Restart(0);
  net.Restart(1);
  net.Introduce(0, 1);
  EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 200ms));
}

TEST(Handshake, ResponderDoesNothingBeforeItOpensAPacket) {
  VirtualNet net({});
  net.Introduce(0, 1);
  net.Run(2s);
  const auto session = net.Peer(1, 0).session;
  const size_t before = net.node(1).GetForwarding().peers[0].receive.size();

  // Node 0 begins a handshake and is killed once the response is under way, so it never confirms.
  net.Restart(0);
  net.Record(true);
  net.Run(14ms);  // the initiation that echoes the token is on its way
  net.Record(false);
  net.Kill(0);
  const auto seen = net.TakeSeen();
  const auto initiation =
      std::find_if(seen.begin(), seen.end(), [](const Seen& s) { return s.type() == 2; });
  ASSERT_NE(initiation, seen.end());
  net.Run(100ms);
  EXPECT_EQ(net.Peer(1, 0).session, session) << "still sends in the old one";
  EXPECT_EQ(net.node(1).GetForwarding().peers[0].receive.size(), before + 1)
      << "but would receive in the new one";
  net.Run(21s);
  EXPECT_EQ(net.Peer(1, 0).session, session);
  EXPECT_LE(net.node(1).GetForwarding().peers[0].receive.size(), before)
      << "which nobody confirmed";
}

TEST(Handshake, InitiatorConfirmsUntilItHearsSomething) {
  VirtualNet net({.ports = {1, 1}});
  Introduce(net, 0);
  net.Run(7ms);  // the initiation has arrived, and the response is under way
  net.Cut(1, 0);
  net.Run(1ms);
  net.Restore(1, 0);
  net.CutWay(0, 0, 1, 0);
  net.Run(450ms);  // the confirms sent in this time are lost
  EXPECT_FALSE(net.Connected(1, 0));
  net.RestoreWay(0, 0, 1, 0);
  EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 150ms));
}

TEST(Handshake, UnderLoadACookieOpensTheDoor) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  const uint64_t sent = net.Sent(1);
  FloodWithInitiations(net, 1, 5000);
  EXPECT_GT(net.Drops(1, Drop::kHandshakeFailed), 100u);
  EXPECT_GT(net.Drops(1, Drop::kBadCookie), 3000u);
  EXPECT_LE(net.Drops(1, Drop::kHandshakeFailed), 401u) << "the budget of Diffie-Hellman";
  EXPECT_LE(net.Sent(1) - sent, 1100u) << "cookies are rationed too";
  for (int i = 0; i < 40 && !net.Connected(0, 1); ++i) {
    FloodWithInitiations(net, 1, 50);
    net.Run(50ms);
  }
  EXPECT_TRUE(BothConnected(net));
}

TEST(Handshake, WrongPresharedKeyFailsByName) {
  VirtualNet net({});
  net.SetPsk(0, 1);
  net.SetPsk(1, 2);
  Introduce(net, 0);
  net.Run(2s);
  EXPECT_FALSE(net.Connected(0, 1));
  EXPECT_FALSE(net.Connected(1, 0));
  EXPECT_GT(net.Drops(0, Drop::kHandshakeFailed), 0u);
}

TEST(Handshake, RightPresharedKey) {
  VirtualNet net({});
  net.SetPsk(0, 7);
  net.SetPsk(1, 7);
  net.Introduce(0, 1);
  EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 100ms));
}

TEST(Handshake, StrangersAreNotAnswered) {
  VirtualNet net({.ports = {1, 1}});
  net.AddPeer(0, 1);
  net.Run(1s);
  EXPECT_GT(net.Drops(1, Drop::kUnknownPeer), 0u);
  EXPECT_EQ(net.Sent(1), 0u);
}

TEST(Handshake, MapRoleIsNoPeer) {
  VirtualNet net({});
  net.Introduce(0, 1);
  net.Run(1s);
  const wire::PresharedKey psk;
  CookieJar cookies(120s);
  InitiatorHandshake handshake(net.node(0).identity(),
                               {.remote = net.key(1), .psk = &psk, .role = Role::kMap}, 77, {});
  const Route route{0, net.EndpointOf(1, 0)};
  net.Inject(1, 0, net.EndpointOf(0, 0), handshake.Copy(net.now(), route, cookies));
  EXPECT_EQ(net.Drops(1, Drop::kHandshakeFailed), 1u);
}

TEST(Handshake, CiphersAreAgreed) {
  for (const wire::Cipher cipher : {wire::Cipher::kChaCha20Poly1305, wire::Cipher::kAes256Gcm}) {
    const auto supported = wire::SupportedCiphers();
    if (std::find(supported.begin(), supported.end(), cipher) == supported.end()) continue;
    VirtualNet net({.ciphers = {cipher}});
    net.Introduce(0, 1);
    net.Run(1s);
    EXPECT_EQ(net.Peer(0, 1).session->cipher(), cipher);
    ExpectTraffic(net);
  }
}

TEST(Handshake, NobodyToCallNothingSent) {
  VirtualNet net({});
  net.AddPeer(0, 1, /*endpoints=*/false);
  net.Run(60s);
  EXPECT_EQ(net.Sent(0), 0u);
}

TEST(Handshake, CallsOnAtLeastEverySecondWhileNobodyAnswers) {
  VirtualNet net({});
  net.AddPeer(0, 1);
  net.Kill(1);
  net.Run(10s);
  net.Record(true);
  net.Run(10s);
  const size_t calls = CountType(net.TakeSeen(), wire::MessageType::kInitiation);
  EXPECT_GE(calls, 8u);
  EXPECT_LE(calls, 14u);
}

TEST(Handshake, PeerThatClosesIsSaidToHaveClosed) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(1s);
  net.node(1).Shutdown(net.now());
  net.Run(20ms);
  EXPECT_FALSE(net.Connected(0, 1));
  EXPECT_EQ(net.Peer(0, 1).reason, "peer closed");
  EXPECT_EQ(net.Peer(0, 1).session, nullptr);
  EXPECT_EQ(net.ActivePaths(0, 1), 0u);
  EXPECT_EQ(net.Path(0, 0, 1, 0).reason, "peer closed");
  const uint64_t sent = net.Sent(1);
  net.Run(5s);
  EXPECT_EQ(net.Sent(1), sent) << "a node that closes says nothing more";
  net.Restart(1);
  EXPECT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 1500ms));
}

}  // namespace
}  // namespace warp::protocol
