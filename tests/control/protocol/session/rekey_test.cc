// Stories of sessions that are replaced because of their age.
#include <gtest/gtest.h>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

// Sends numbered payloads in both directions, one every `interval`. Each must arrive exactly once.
void ExpectNothingLost(VirtualNet& net, Duration duration, Duration interval) {
  std::vector<std::string> sent;
  for (Duration t{0}; t < duration; t += interval) {
    sent.push_back(std::to_string(sent.size()));
    ASSERT_TRUE(net.Send(0, 1, sent.back()));
    ASSERT_TRUE(net.Send(1, 0, sent.back()));
    net.Run(interval);
  }
  net.Run(1s);
  EXPECT_EQ(net.TakeReceived(0), sent);
  EXPECT_EQ(net.TakeReceived(1), sent);
}

TEST(Rekey, NothingIsLost) {
  VirtualNet net({.ports = {2, 3}});
  net.Introduce(0, 1);
  net.Run(1s);
  const auto first = net.Peer(0, 1).session;
  ExpectNothingLost(net, 130s, 50ms);
  EXPECT_NE(net.Peer(0, 1).session, first);
  EXPECT_EQ(net.Peer(0, 1).session->initiator(), first->initiator())
      << "the initiator of the first made the second";
  EXPECT_EQ(net.Peer(0, 1).session->remote_index(), net.Peer(1, 0).session->local_index());
  EXPECT_EQ(net.ActivePaths(0, 1), 6u);
}

TEST(Rekey, NothingIsLostWhenItHappensAllTheTime) {
  Timers timers;
  timers.rekey_after = 300ms;
  timers.rekey_after_responder = 450ms;
  timers.session_lifetime = 900ms;
  VirtualNet net({.ports = {2, 2}, .timers = timers});
  net.Introduce(0, 1);
  net.Run(1s);
  ExpectNothingLost(net, 20s, 7ms);
}

TEST(Rekey, ResponderDoesItWhereTheInitiatorDoesNot) {
  Timers timers;
  timers.rekey_after = 1h;  // as if the initiator never rekeyed
  VirtualNet net({.timers = timers});
  net.AddPeer(0, 1);
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.Run(130s);
  EXPECT_TRUE(net.Peer(0, 1).session->initiator());
  net.Run(10s);
  EXPECT_FALSE(net.Peer(0, 1).session->initiator());
  EXPECT_TRUE(net.Peer(1, 0).session->initiator());
}

// The session itself says when its keys end, at the node and at the map: the workers go by that, whatever control does.
TEST(Rekey, EachSessionKnowsItsEnd) {
  Timers timers;
  timers.session_lifetime = 170s;
  VirtualNet net({.timers = timers});
  const Instant begin = net.now();
  net.Introduce(0, 1);
  net.Run(1s);
  for (const auto& session : {net.Peer(0, 1).session, net.Peer(1, 0).session}) {
    EXPECT_GE(session->expires(), begin + 170s);
    EXPECT_LE(session->expires(), net.now() + 170s);
  }
}

TEST(Rekey, OldKeysDie) {
  VirtualNet net({});
  net.Introduce(0, 1);
  net.Run(2s);
  std::weak_ptr<wire::Session> session = net.Peer(0, 1).session;
  net.Cut(0, 0);
  net.Run(170s);
  EXPECT_FALSE(session.expired());
  EXPECT_EQ(net.Peer(0, 1).reason, "nothing heard");
  net.Run(11s);
  EXPECT_TRUE(session.expired());
  EXPECT_EQ(net.Peer(0, 1).session, nullptr);
  EXPECT_TRUE(net.node(0).GetForwarding().peers[0].receive.empty());
}

TEST(Rekey, SessionsStayFewOverHours) {
  VirtualNet net({});
  net.Introduce(0, 1);
  for (int hour = 0; hour < 2; ++hour) {
    net.Run(1h);
    EXPECT_LE(net.node(0).GetForwarding().peers[0].receive.size(), 4u);
    EXPECT_LE(net.node(0).sessions().taken(), 5u);
    EXPECT_TRUE(net.Connected(0, 1));
  }
}

TEST(Rekey, SilenceMakesANewSessionOnlyWhereItMust) {
  VirtualNet net({});
  net.Introduce(0, 1);
  net.Run(2s);
  const auto session = net.Peer(0, 1).session;
  net.Cut(0, 0);
  ASSERT_TRUE(net.RunUntil([&] { return !net.Connected(0, 1); }, 5s));
  net.Restore(0, 0);
  EXPECT_TRUE(net.RunUntil([&] { return net.Connected(0, 1) && net.Connected(1, 0); }, 300ms));
  net.Run(1s);
  EXPECT_TRUE(net.Connected(0, 1));
  EXPECT_EQ(net.ActivePaths(0, 1), 1u);
}

}  // namespace
}  // namespace warp::protocol
