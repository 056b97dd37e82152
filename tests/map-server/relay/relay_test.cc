// The relay of last resort, from both ends: nodes between which no path leads, and the map that forwards for them.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/map-server/relay/relay_world.h"

namespace warp::map {
namespace {

TEST_F(RelayTest, JoinsNodesBehindSymmetricNats) {
  MeetRelayed();
  EXPECT_EQ(world.relay().channels, 1u);
  EXPECT_EQ(world.relay().open, 1u);
  for (int i = 0; i < 10; ++i) {
    world.Send(alice, bob, std::to_string(i));
    world.Send(bob, alice, std::to_string(i));
    world.Run(20ms);
  }
  world.Run(1s);
  EXPECT_EQ(world.TakeReceived(bob).size(), 10u);
  EXPECT_EQ(world.TakeReceived(alice).size(), 10u);
  world.Run(600s);
  EXPECT_TRUE(world.OverRelay(alice, bob)) << "it lives as long as it is wanted";
}

TEST_F(RelayTest, JoinsASymmetricNatWithOneThatIsRestrictedByPort) {
  MeetRelayed(Nat::kSymmetric, Nat::kPort);
}

TEST_F(RelayTest, IsNotAskedForWhereAPathLeads) {
  Meet(Nat::kPort, Nat::kPort, 2);
  world.RunUntil([&] { return world.Direct(alice, bob); }, 5s);
  world.Run(120s);
  EXPECT_EQ(world.relay().requests, 0u);
}

TEST_F(RelayTest, ForwardsNothingWhereItIsOff) {
  world.StartMap(/*on=*/false);
  Meet();
  world.Run(60s);
  EXPECT_GT(world.relay().requests, 0u);
  EXPECT_LT(world.relay().requests, 16u) << "a map that is off is not asked all the time";
  EXPECT_EQ(world.relay().granted, 0u);
  EXPECT_FALSE(world.OverRelay(alice, bob));
}

TEST_F(RelayTest, IsOfUseWhenItIsTurnedOnWhileTheMapRuns) {
  world.StartMap(/*on=*/false);
  Meet();
  world.Run(20s);
  world.map().SetRelay({}, RelayWorld::kFirstPort, RelayWorld::kPorts);
  AreRelayed(14s);
}

// A map that is off is asked by each node of one of its peers, however many these are.
TEST_F(RelayTest, IsAskedForOnePeerWhereItIsOff) {
  world.StartMap(/*on=*/false);
  alice = world.AddNode(1, Nat::kSymmetric);
  std::vector<int> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(world.AddNode(1, Nat::kSymmetric));
    world.MakeFriends(alice, peers.back());
  }
  world.Run(20s);
  const uint64_t before = world.relay().requests;
  world.Run(60s);
  EXPECT_LT(world.relay().requests - before, 21u * 10u);
  world.ports = 64;
  world.map().SetRelay({}, RelayWorld::kFirstPort, 64);
  world.RunUntil(
      [&] {
        return std::all_of(peers.begin(), peers.end(),
                           [&](int peer) { return world.OverRelay(alice, peer); });
      },
      20s);
}

TEST_F(RelayTest, IsOfUseAgainWhenItWasOffForAWhile) {
  MeetRelayed();
  world.map().SetRelay({}, 0, 0);
  world.Run(20s);
  EXPECT_FALSE(world.OverRelay(alice, bob));
  world.map().SetRelay({}, RelayWorld::kFirstPort, RelayWorld::kPorts);
  AreRelayed(14s);
}

TEST_F(RelayTest, GivesEachPortOfBothNodesAChannel) {
  Meet(Nat::kSymmetric, Nat::kSymmetric, 2);
  world.RunUntil([&] { return world.Carrying(alice, bob, true) == 4; }, 5s);
  EXPECT_EQ(world.relay().channels, 4u);
}

TEST_F(RelayTest, IsLeftWhenAnotherPathWorks) {
  world.blocked = true;
  MeetRelayed(Nat::kPort, Nat::kPort);
  world.Run(60s);
  // Payloads flow meanwhile, and none is lost when the relay is left.
  size_t sent = 0;
  const auto talk = [&](wire::Duration time) {
    const wire::Instant end = world.now + time;
    while (world.now < end) {
      world.Send(alice, bob, std::to_string(sent++));
      world.Run(20ms);
    }
  };
  talk(10s);
  world.blocked = false;
  const wire::Instant open = world.now;
  while (!world.Direct(alice, bob) && world.now < open + 10s) talk(20ms);
  EXPECT_LE(world.now - open, 2s);
  talk(5s);
  EXPECT_EQ(world.TakeReceived(bob).size(), sent) << "none lost, none twice";
  EXPECT_TRUE(world.Direct(alice, bob));
  EXPECT_EQ(world.relay().channels, 1u) << "it is kept for a while";
  world.Run(60s);
  EXPECT_EQ(world.relay().channels, 0u) << "and then given up";
  EXPECT_EQ(world.Carrying(alice, bob, false), 1u);
}

TEST_F(RelayTest, IsAskedForAtOnceWhenTheLastPathIsLost) {
  Meet(Nat::kPort, Nat::kPort);
  world.RunUntil([&] { return world.Direct(alice, bob); }, 5s);
  world.Run(60s);
  world.blocked = true;
  world.RunUntil(
      [&] { return world.Peer(alice, bob).paths.at(0).state != protocol::PathState::kActive; },
      60s);
  AreRelayed();
}

TEST_F(RelayTest, FollowsANatThatForgets) {
  MeetRelayed();
  world.Run(30s);
  world.Rebind(alice);
  world.TakeReceived(bob);
  world.RunUntil(
      [&] {
        world.Send(alice, bob, "x");
        world.Run(20ms);
        return !world.TakeReceived(bob).empty();
      },
      15s);
}

TEST_F(RelayTest, IsAskedForAnewAtAMapThatWasRestarted) {
  MeetRelayed();
  world.Run(10s);
  world.KillMap();
  world.Run(1s);
  world.StartMap();
  world.RunUntil([&] { return world.relay().open == 1; }, 60s);
  AreRelayed(10s);
}

// Nothing gets out by the node's port any more, while what is sent to it still arrives; so the session with the map
// lives, and a port that is new, as one in a connection, registers in it.
TEST_F(RelayTest, IsAskedForAtOnceByAPortThatIsNew) {
  MeetRelayed();
  world.Run(5s);
  const wire::IpAddress dead = wire::IpAddress::V4({192, 0, static_cast<uint8_t>(bob), 0});
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    return datagram.node == bob && datagram.from.address == dead;
  };
  world.Run(1s);
  world.node(bob).SetPort(
      world.now, 1,
      {.up = true, .addresses = {wire::IpAddress::V4({10, static_cast<uint8_t>(bob), 1, 1})}});
  const auto active_by_it = [&] {
    const protocol::PeerStatus peer = world.Peer(bob, alice);
    return std::any_of(peer.paths.begin(), peer.paths.end(), [](const auto& path) {
      return path.port == 1 && path.carries && path.state == protocol::PathState::kActive;
    });
  };
  world.RunUntil(active_by_it, 5s);
  // It is asked for once, and not with each refresh.
  const uint64_t requests = world.relay().requests;
  world.Run(20s);
  EXPECT_LE(world.relay().requests, requests + 2);
}

// --- Who may. ---

TEST_F(RelayTest, IsForThoseWhoAllowEachOther) {
  alice = world.AddNode(1, Nat::kSymmetric);
  bob = world.AddNode(1, Nat::kSymmetric);
  world.AddPeer(alice, bob);
  world.Run(60s);
  EXPECT_EQ(world.relay().channels, 0u);
  EXPECT_EQ(world.relay().granted, 0u);
}

TEST_F(RelayTest, EndsWhenOneNodeAllowsTheOtherNoMore) {
  MeetRelayed();
  world.RemovePeer(bob, alice);
  world.RunUntil([&] { return world.relay().channels == 0; }, 1s);
  world.Run(10s);
  EXPECT_EQ(world.relay().channels, 0u);
}

TEST_F(RelayTest, EndsWithANodeThatSaysGoodbye) {
  MeetRelayed();
  world.node(bob).Shutdown(world.now);
  world.RunUntil([&] { return world.relay().channels == 0; }, 100ms);
}

TEST_F(RelayTest, EndsWithAPortThatIsWithdrawn) {
  Meet(Nat::kSymmetric, Nat::kSymmetric, 2);
  world.RunUntil([&] { return world.relay().open == 4; }, 5s);
  world.node(bob).SetPort(world.now, 1, {.up = false});
  world.RunUntil([&] { return world.relay().channels == 2; }, 1s);
  world.Run(5s);
  EXPECT_EQ(world.relay().open, 2u);
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

TEST_F(RelayTest, EndsWithAKeyThatIsNotAdmittedAnyMore) {
  MeetRelayed();
  const wire::PublicKey admitted = world.key(alice);
  world.map().SetAdmission([admitted](const wire::PublicKey& key) { return key == admitted; });
  EXPECT_EQ(world.relay().channels, 0u) << "at once, and not when the map has looked at all";
  world.Run(30s);
  EXPECT_EQ(world.relay().channels, 0u);
}

// A node that is gone without a word may have left its address to somebody else.
TEST_F(RelayTest, EndsSoonWhereRegistrationsLiveLong) {
  world.lifetime = 1h;
  world.StartMap();
  MeetRelayed();
  world.Kill(bob);
  world.RunUntil([&] { return world.relay().channels == 0; }, 75s);
}

TEST_F(RelayTest, EndsWithANodeThatIsGone) {
  MeetRelayed();
  world.Kill(bob);
  world.RunUntil([&] { return world.relay().channels == 0; }, 180s);
}

TEST_F(RelayTest, EndsWhatTheOperatorForgets) {
  MeetRelayed();
  world.map().Forget(world.now, world.key(bob));
  EXPECT_EQ(world.relay().channels, 0u);
  world.RunUntil([&] { return world.OverRelay(alice, bob) && world.relay().open == 1; }, 60s);
  world.map().SetRelay({}, 0, 0);
  EXPECT_EQ(world.relay().channels, 0u);
}

// --- Limits. ---

TEST_F(RelayTest, RefusesMorePairsThanItMayHave) {
  world.terms.pairs = 1;
  world.StartMap();
  MeetRelayed();
  const int carol = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, carol);
  world.Run(20s);
  EXPECT_EQ(world.relay().pairs, 1u);
  EXPECT_GT(world.relay().refused_pairs, 0u);
  EXPECT_FALSE(world.OverRelay(alice, carol));
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

TEST_F(RelayTest, GivesAPortAnotherUdpPortForEachPeer) {
  world.ports = 2;
  world.StartMap();
  alice = world.AddNode(1, Nat::kSymmetric);
  std::vector<int> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(world.AddNode(1, Nat::kSymmetric));
    world.MakeFriends(alice, peers.back());
  }
  world.Run(30s);
  EXPECT_EQ(world.relay().open, 2u);
  EXPECT_GT(world.relay().refused_channels, 0u);
  // The others share the same ones.
  const int dave = world.AddNode(1, Nat::kSymmetric);
  const int erin = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(dave, erin);
  world.RunUntil([&] { return world.OverRelay(dave, erin); }, 5s);
}

TEST_F(RelayTest, ForwardsNoMoreThanThePairsRate) {
  world.terms.rate = 1'000'000;
  world.StartMap();
  MeetRelayed();
  const uint64_t before = world.relay().bytes;
  for (int i = 0; i < 10'000; ++i) {
    world.Send(alice, bob, std::string(1000, 'x'));
    world.Run(1ms);
  }
  EXPECT_LT(world.relay().bytes - before, 1'250'000u + 140'000u);
  EXPECT_GT(world.relay().bytes - before, 1'200'000u);
  EXPECT_GT(world.relay().dropped_rate, 0u);
}

TEST_F(RelayTest, ForwardsNoMoreThanThePairsBytesOfADay) {
  world.terms.bytes = 1'000'000;
  world.StartMap();
  MeetRelayed();
  for (int i = 0; i < 2'000; ++i) {
    world.Send(alice, bob, std::string(1000, 'x'));
    world.Run(10ms);
  }
  world.Run(60s);
  EXPECT_LE(world.relay().bytes, 1'000'000u);
  EXPECT_GT(world.relay().dropped_bytes, 0u);
  EXPECT_GT(world.relay().refused_bytes, 0u) << "another channel does not begin a day";
  EXPECT_EQ(world.relay().channels, 0u);
  world.now += 24h;  // as after a suspend; the day is over
  AreRelayed(300s);
}

}  // namespace
}  // namespace warp::map
