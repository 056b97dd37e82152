// Stories of two nodes that find each other: design.md's rules of the handshake, in virtual time.
#include <gtest/gtest.h>

#include "tests/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Drop;

bool BothConnected(VirtualNet& net) { return net.Connected(0, 1) && net.Connected(1, 0); }

// Payloads flow both ways, each exactly once.
void ExpectTraffic(VirtualNet& net) {
  net.TakeReceived(0);
  net.TakeReceived(1);
  ASSERT_TRUE(net.Send(0, 1, "ping"));
  ASSERT_TRUE(net.Send(1, 0, "pong"));
  net.Run(2s);
  EXPECT_EQ(net.TakeReceived(1), std::vector<std::string>{"ping"});
  EXPECT_EQ(net.TakeReceived(0), std::vector<std::string>{"pong"});
}

TEST(Handshake, OneSideCalls) {
  VirtualNet net({});
  net.AddPeer(0, 1);
  net.AddPeer(1, 0, /*endpoints=*/false);
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
    // Both send in the session that the smaller key began.
    const bool smaller = net.key(0) < net.key(1);
    EXPECT_EQ(net.Peer(0, 1).session->initiator(), smaller);
    EXPECT_EQ(net.Peer(1, 0).session->initiator(), !smaller);
    EXPECT_EQ(net.Peer(0, 1).session->local_index(), net.Peer(1, 0).session->remote_index());
    EXPECT_EQ(net.ActivePaths(0, 1), 6u);
    EXPECT_EQ(net.ActivePaths(1, 0), 6u);
    ExpectTraffic(net);
  }
}

}  // namespace
}  // namespace warp::protocol
