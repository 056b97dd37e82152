// What nodes say of themselves in handshakes: each learns it from the other, whichever side began, and versions that
// say nothing are taken as they are.
#include <gtest/gtest.h>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

bool BothConnected(VirtualNet& net) { return net.Connected(0, 1) && net.Connected(1, 0); }

// Makes the nodes peers of each other, so that `caller` begins.
void Introduce(VirtualNet& net, int caller) {
  net.AddPeer(caller, 1 - caller);
  net.AddPeer(1 - caller, caller, /*endpoints=*/false);
}

wire::Introduction Said(VirtualNet& net, int n) {
  return net.node(n).identity().IntroductionTo(Role::kPeer);
}

// What `n` knows of the other node.
wire::Introduction Heard(VirtualNet& net, int n) {
  const std::shared_ptr<wire::Session> session = net.Peer(n, 1 - n).session;
  return {.features = session->remote_features(), .life = session->remote_life()};
}

TEST(Introduction, EachLearnsWhatTheOtherUnderstands) {
  for (const int caller : {0, 1}) {
    VirtualNet net({});
    net.SetFeatures(0, wire::kFeatureFeedback);
    Introduce(net, caller);
    ASSERT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 100ms));
    EXPECT_EQ(Heard(net, 0), Said(net, 1));
    EXPECT_EQ(Heard(net, 1), Said(net, 0));
    EXPECT_EQ(Heard(net, 1).features, wire::kFeatureFeedback);
    EXPECT_NE(Heard(net, 0).life, 0u);
    EXPECT_NE(Heard(net, 0).life, Heard(net, 1).life);
  }
}

TEST(Introduction, ALifeLastsOverRekeysAndNotOverAStart) {
  VirtualNet net({.timers = {{.rekey_after = 2s}}});
  Introduce(net, 0);
  ASSERT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 100ms));
  const std::shared_ptr<wire::Session> first = net.Peer(0, 1).session;
  const uint32_t life = first->remote_life();
  ASSERT_TRUE(net.RunUntil([&] { return net.Peer(0, 1).session != first; }, 10s));
  EXPECT_EQ(net.Peer(0, 1).session->remote_life(), life);

  net.Restart(1);
  const std::shared_ptr<wire::Session> second = net.Peer(0, 1).session;
  ASSERT_TRUE(
      net.RunUntil([&] { return net.Peer(0, 1).session != second && BothConnected(net); }, 10s));
  EXPECT_NE(net.Peer(0, 1).session->remote_life(), life);
}

TEST(Introduction, VersionsThatSayNothingAreTalkedToAsBefore) {
  for (const int caller : {0, 1}) {
    VirtualNet net({});
    net.SetFeatures(
        0, 0);  // its handshakes are those of a version without introductions, byte for byte
    Introduce(net, caller);
    ASSERT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 100ms));
    EXPECT_EQ(Heard(net, 1), wire::Introduction());
    net.Run(1s);
    ASSERT_TRUE(net.Send(0, 1, "ping"));
    ASSERT_TRUE(net.Send(1, 0, "pong"));
    net.Run(100ms);
    EXPECT_EQ(net.TakeReceived(1), std::vector<std::string>{"ping"});
    EXPECT_EQ(net.TakeReceived(0), std::vector<std::string>{"pong"});
  }
}

TEST(Introduction, MapsAreToldNothing) {
  VirtualNet net({});
  EXPECT_EQ(net.node(0).identity().IntroductionTo(Role::kMap), wire::Introduction());
}

}  // namespace
}  // namespace warp::protocol
