// The relay of last resort, from both ends: nodes between which no path leads, and the map that forwards for them.
#include <gtest/gtest.h>

#include "tests/map-server/relay/relay_world.h"

namespace warp::map {
namespace {

using Nat = RelayWorld::Nat;

TEST(Relay, JoinsNodesBehindSymmetricNats) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
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

TEST(Relay, JoinsASymmetricNatWithOneThatIsRestrictedByPort) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kPort);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
}

TEST(Relay, IsNotAskedForWhereAPathLeads) {
  RelayWorld world;
  const int alice = world.AddNode(2, Nat::kPort);
  const int bob = world.AddNode(2, Nat::kPort);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.Direct(alice, bob); }, 5s);
  world.Run(120s);
  EXPECT_EQ(world.relay().requests, 0u);
}

TEST(Relay, ForwardsNothingWhereItIsOff) {
  RelayWorld world(/*on=*/false);
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.Run(60s);
  EXPECT_GT(world.relay().requests, 0u);
  EXPECT_LT(world.relay().requests, 6u) << "a map that is off is not asked all the time";
  EXPECT_EQ(world.relay().granted, 0u);
  EXPECT_FALSE(world.OverRelay(alice, bob));
}

TEST(Relay, IsOfUseWhenItIsTurnedOnWhileTheMapRuns) {
  RelayWorld world(/*on=*/false);
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.Run(20s);
  world.map().SetRelay({}, RelayWorld::kFirstPort, RelayWorld::kPorts);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 90s);
}

TEST(Relay, GivesEachPortOfBothNodesAChannel) {
  RelayWorld world;
  const int alice = world.AddNode(2, Nat::kSymmetric);
  const int bob = world.AddNode(2, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.Carrying(alice, bob, true) == 4; }, 5s);
  EXPECT_EQ(world.relay().channels, 4u);
}

TEST(Relay, IsLeftWhenAnotherPathWorks) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kPort);
  const int bob = world.AddNode(1, Nat::kPort);
  world.blocked = true;
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
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

TEST(Relay, IsAskedForAtOnceWhenTheLastPathIsLost) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kPort);
  const int bob = world.AddNode(1, Nat::kPort);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.Direct(alice, bob); }, 5s);
  world.Run(60s);
  world.blocked = true;
  world.RunUntil(
      [&] { return world.Peer(alice, bob).paths.at(0).state != protocol::PathState::kActive; },
      60s);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
}

TEST(Relay, FollowsANatThatForgets) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
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

TEST(Relay, IsAskedForAnewAtAMapThatWasRestarted) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  world.Run(10s);
  world.KillMap();
  world.Run(1s);
  world.StartMap();
  world.RunUntil([&] { return world.relay().open == 1; }, 60s);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 10s);
}

// Nothing gets out by the node's port any more, while what is sent to it still arrives; so the session with the map
// lives, and a port that is new, as one in a connection, registers in it.
TEST(Relay, IsAskedForAtOnceByAPortThatIsNew) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
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

TEST(Relay, IsForThoseWhoAllowEachOther) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.AddPeer(alice, bob);
  world.Run(60s);
  EXPECT_EQ(world.relay().channels, 0u);
  EXPECT_EQ(world.relay().granted, 0u);
}

TEST(Relay, EndsWhenOneNodeAllowsTheOtherNoMore) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  world.RemovePeer(bob, alice);
  world.RunUntil([&] { return world.relay().channels == 0; }, 30s);
}

TEST(Relay, EndsWithANodeThatIsGone) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  world.Kill(bob);
  world.RunUntil([&] { return world.relay().channels == 0; }, 180s);
}

TEST(Relay, EndsWhatTheOperatorForgets) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  world.map().Forget(world.now, world.key(bob));
  EXPECT_EQ(world.relay().channels, 0u);
  world.RunUntil([&] { return world.OverRelay(alice, bob) && world.relay().open == 1; }, 60s);
  world.map().SetRelay({}, 0, 0);
  EXPECT_EQ(world.relay().channels, 0u);
}

// --- Limits. ---

TEST(Relay, RefusesMorePairsThanItMayHave) {
  RelayWorld world;
  world.terms.pairs = 1;
  world.StartMap();
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  const int carol = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  world.MakeFriends(alice, carol);
  world.Run(20s);
  EXPECT_EQ(world.relay().pairs, 1u);
  EXPECT_GT(world.relay().refused_pairs, 0u);
  EXPECT_FALSE(world.OverRelay(alice, carol));
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

TEST(Relay, GivesAPortAnotherUdpPortForEachPeer) {
  RelayWorld world;
  world.ports = 2;
  world.StartMap();
  const int alice = world.AddNode(1, Nat::kSymmetric);
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

TEST(Relay, ForwardsNoMoreThanThePairsRate) {
  RelayWorld world;
  world.terms.rate = 1'000'000;
  world.StartMap();
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  const uint64_t before = world.relay().bytes;
  for (int i = 0; i < 10'000; ++i) {
    world.Send(alice, bob, std::string(1000, 'x'));
    world.Run(1ms);
  }
  EXPECT_LT(world.relay().bytes - before, 1'250'000u + 140'000u);
  EXPECT_GT(world.relay().bytes - before, 1'200'000u);
  EXPECT_GT(world.relay().dropped_rate, 0u);
}

TEST(Relay, ForwardsNoMoreThanThePairsBytesOfADay) {
  RelayWorld world;
  world.terms.bytes = 1'000'000;
  world.StartMap();
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
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
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 300s);
}

// Throw-away keys of one network do not keep others out.
TEST(ChannelTable, TheNetworkThatHasMostLosesItsNewestPair) {
  ChannelTable table;
  table.SetPorts(20000, 8);
  const auto end = [](uint8_t number) {
    std::array<uint8_t, 16> id{};
    id[0] = number;
    return ChannelEnd{.node = KeyId::FromBytes(id)};
  };
  const wire::Instant later{1000s};
  EXPECT_EQ(table.Victim(1), std::nullopt);
  for (uint8_t i = 0; i < 3; ++i)
    table.Make(end(static_cast<uint8_t>(10 + i)), end(static_cast<uint8_t>(20 + i)), 7, later);
  table.Make(end(1), end(2), 8, later);
  EXPECT_EQ(table.active_pairs(), 4u);
  EXPECT_EQ(table.Victim(7), std::nullopt) << "its own";
  EXPECT_EQ(table.Victim(8), ChannelTable::PairOf(end(12).node, end(22).node));
  EXPECT_EQ(table.Victim(9), ChannelTable::PairOf(end(12).node, end(22).node));
  table.EndOf(end(12).node);
  EXPECT_EQ(table.Victim(8), std::nullopt) << "it would have as many";
  EXPECT_EQ(table.Victim(9), ChannelTable::PairOf(end(11).node, end(21).node));
  table.EndOf(end(10).node);
  table.EndOf(end(11).node);
  EXPECT_EQ(table.Victim(9), std::nullopt);
  EXPECT_EQ(table.active_pairs(), 1u);
  table.Expire(later);
  EXPECT_EQ(table.active_pairs(), 0u);
  EXPECT_EQ(table.size(), 0u);
}

// Two nodes that the network sees at one address and port cannot be told apart: the one that bound last is there.
TEST(ChannelTable, AnAddressIsThatOfWhoBoundItLast) {
  ChannelTable table;
  table.SetPorts(20000, 1);
  const auto end = [](uint8_t number) {
    std::array<uint8_t, 16> id{};
    id[0] = number;
    return ChannelEnd{.node = KeyId::FromBytes(id)};
  };
  const uint32_t one = table.Make(end(1), end(2), 7, wire::Instant{1000s})->id;
  const uint32_t two = table.Make(end(3), end(4), 7, wire::Instant{1000s})->id;
  const Endpoint at = *Endpoint::Parse("192.0.2.1:5000");
  table.Bind(*table.Find(one), 0, at, 0);
  table.Bind(*table.Find(two), 1, at, 0);
  EXPECT_FALSE(table.Find(one)->ends[0].bound());
  EXPECT_EQ(table.FindBound(20000, at)->first->id, two);
  table.End(one);
  EXPECT_EQ(table.FindBound(20000, at)->first->id, two);
  EXPECT_EQ(table.FindBound(20001, at), std::nullopt);
  table.End(two);
  EXPECT_EQ(table.FindBound(20000, at), std::nullopt);
}

// Behind one NAT, a port of TCP and the same one of UDP are two nodes'. One in a connection neither takes the other's
// place, nor sends in its name.
TEST(ChannelTable, AConnectionIsElsewhereThanUdpOfTheSameNumber) {
  ChannelTable table;
  table.SetPorts(20000, 1);
  const auto end = [](uint8_t number) {
    std::array<uint8_t, 16> id{};
    id[0] = number;
    return ChannelEnd{.node = KeyId::FromBytes(id)};
  };
  const uint32_t udp = table.Make(end(1), end(2), 7, wire::Instant{1000s})->id;
  const uint32_t tcp = table.Make(end(3), end(4), 7, wire::Instant{1000s})->id;
  const Endpoint at = *Endpoint::Parse("192.0.2.1:5000");
  table.Bind(*table.Find(udp), 0, at, 0);
  EXPECT_EQ(table.FindBound(20000, at, /*stream=*/true), std::nullopt);
  table.Bind(*table.Find(tcp), 0, at, kFirstStreamId + 8);
  EXPECT_TRUE(table.Find(udp)->ends[0].bound());
  EXPECT_EQ(table.FindBound(20000, at)->first->id, udp);
  EXPECT_EQ(table.FindBound(20000, at, /*stream=*/true)->first->id, tcp);
  table.End(udp);
  EXPECT_EQ(table.FindBound(20000, at), std::nullopt);
  EXPECT_EQ(table.FindBound(20000, at, /*stream=*/true)->first->id, tcp);
  // An end that moves from the connection to UDP is not in the connection any more.
  table.Bind(*table.Find(tcp), 0, at, 0);
  EXPECT_EQ(table.FindBound(20000, at, /*stream=*/true), std::nullopt);
  EXPECT_EQ(table.FindBound(20000, at)->first->id, tcp);
}

// --- Attacks. ---

// Somebody on the way holds back all binds of a node, and sends them as if they came from a victim.
TEST(Relay, SendsNothingToAnAddressThatHasNotEchoed) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  const Endpoint victim = *Endpoint::Parse("203.0.113.9:5000");
  size_t in = 0, out = 0;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    if (datagram.to_map && datagram.node == alice && datagram.to.port != 13116) {
      in += datagram.bytes.size();
      world.Inject(victim, datagram.to, datagram.bytes);
      return true;
    }
    if (!datagram.to_map && datagram.to == victim) out += datagram.bytes.size();
    return false;
  };
  world.MakeFriends(alice, bob);
  world.Run(60s);
  EXPECT_GT(in, 0u);
  EXPECT_LT(out, in) << "challenges alone, which are shorter than what asks for them";
  EXPECT_EQ(world.relay().open, 0u);
  EXPECT_EQ(world.relay().datagrams, 0u);
}

// A bind that was held back does not bring back the address of before.
TEST(Relay, AnOlderBindDoesNotApply) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  // The next bind from the address of now is held back.
  std::optional<RelayWorld::Datagram> held;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    const bool bind = datagram.to_map && datagram.node == alice && datagram.to.port != 13116 &&
                      datagram.bytes.size() == protocol::kMapBindDatagram;
    if (!bind || held.has_value()) return false;
    held = datagram;
    return true;
  };
  world.RunUntil([&] { return held.has_value(); }, 30s);
  world.Rebind(alice);
  world.Run(15s);  // the node has bound another one
  size_t there = 0;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    there += !datagram.to_map && datagram.to == held->from ? 1 : 0;
    return false;
  };
  world.Inject(held->from, held->to, held->bytes);
  world.Run(100ms);
  world.Send(bob, alice, "x");
  world.Run(1s);
  EXPECT_EQ(there, 0u);
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

// What a stranger sends to the relay's ports goes nowhere, whatever address it claims.
TEST(Relay, ForwardsNothingOfStrangers) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  world.Run(1s);
  size_t out = 0;
  const Endpoint stranger = *Endpoint::Parse("203.0.113.9:5000");
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    out += !datagram.to_map && datagram.to == stranger ? 1 : 0;
    return false;
  };
  const uint64_t before = world.relay().dropped_unbound;
  for (uint16_t port = 0; port < RelayWorld::kPorts; ++port) {
    for (const size_t size : {32, 65, 100, 1400}) {
      for (uint8_t type = 1; type <= 5; ++type) {
        std::vector<uint8_t> bytes(size, 0);
        bytes[0] = type;
        world.Inject(stranger, {RelayWorld::MapAddress(), static_cast<uint16_t>(20000 + port)},
                     bytes);
      }
    }
  }
  world.Run(1s);
  EXPECT_EQ(out, 0u);
  EXPECT_EQ(world.relay().dropped_unbound - before, RelayWorld::kPorts * 4u * 5u);
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

// Somebody who can forge an end's address sends rubbish through, which the other end drops; it reaches nobody else, and
// no more than the pair's rate of it.
TEST(Relay, ForwardsWhatIsForgedToTheOtherEndAlone) {
  RelayWorld world;
  world.terms.rate = 1'000'000;
  world.StartMap();
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  Endpoint to, from;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    if (datagram.to_map && datagram.node == alice && datagram.to.port != 13116) {
      to = datagram.to;
      from = datagram.from;
    }
    return false;
  };
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  std::set<Endpoint> reached;
  uint64_t in = 0, out = 0;
  const Endpoint bobs = world.Outside(bob, 0, to);
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    if (datagram.to_map && datagram.to.port != 13116) in += datagram.bytes.size();
    if (datagram.from.address == RelayWorld::MapAddress() && datagram.from.port != 13116) {
      out += datagram.bytes.size();
      reached.insert(datagram.to);
    }
    return false;
  };
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> rubbish(1200, static_cast<uint8_t>(i));
    std::fill(rubbish.begin(), rubbish.begin() + 4, 0);
    rubbish[0] = 1;
    in += rubbish.size();
    world.Inject(from, to, std::move(rubbish));
    if (i % 20 == 0) world.Run(10ms);
  }
  world.Run(1s);
  EXPECT_LE(out, in);
  EXPECT_LT(out, 140'000u + 2 * 125'000u + 50'000u);
  EXPECT_GT(world.relay().dropped_rate, 0u);
  EXPECT_TRUE(reached.contains(bobs));
  EXPECT_EQ(reached.size(), 2u) << "the ends, and nobody else";
}

// What is no datagram of WARP's is not forwarded from a bound address either.
TEST(Relay, ForwardsNothingOfOtherProtocols) {
  RelayWorld world;
  const int alice = world.AddNode(1, Nat::kSymmetric);
  const int bob = world.AddNode(1, Nat::kSymmetric);
  world.MakeFriends(alice, bob);
  Endpoint to, from;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    if (datagram.to_map && datagram.node == alice && datagram.to.port != 13116) {
      to = datagram.to;
      from = datagram.from;
    }
    return false;
  };
  world.RunUntil([&] { return world.OverRelay(alice, bob); }, 5s);
  size_t out = 0;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    out += !datagram.to_map && datagram.bytes.size() == 333 ? 1 : 0;
    return false;
  };
  for (const uint8_t type : {0, 6, 7, 0x16, 0x80, 0xff}) {
    std::vector<uint8_t> bytes(333, 0);
    bytes[0] = type;
    world.Inject(from, to, bytes);
  }
  std::vector<uint8_t> reserved(333, 0);
  reserved[0] = reserved[2] = 1;
  world.Inject(from, to, reserved);
  world.Run(1s);
  EXPECT_EQ(out, 0u);
}

}  // namespace
}  // namespace warp::map
