// Stories of nodes and maps over a network that loses, duplicates and delays datagrams, and where attackers forge them.
#include "control/protocol/map/map_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/map-server/map_world.h"

namespace warp::map {
namespace {

using wire::Drop;

TEST(MapClient, RegistersEachPortThroughThatPort) {
  MapWorld world;
  MapNode& node = world.AddNode(3);
  // Registration takes four round trips: handshake, confirm, challenge and echo.
  EXPECT_LE(world.RunUntil([&] { return node.status().registrations.size() == 3; }, 1s), 200ms);
  for (const auto& [port, endpoint] : node.status().registrations)
    EXPECT_EQ(endpoint, world.OuterOf(node, port));
  EXPECT_EQ(world.store().registrations(), 3u);
  EXPECT_EQ(node.status().state, "registered");
}

TEST(MapClient, PeersFindEachOtherInEitherOrder) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode(3);
  alice.SetPeers(world.now, {bob.key()});
  world.Run(20s);
  EXPECT_TRUE(alice.found(bob.key()).empty()) << "bob does not allow alice yet";
  EXPECT_TRUE(bob.found(alice.key()).empty());

  bob.SetPeers(world.now, {alice.key()});
  world.RunUntil([&] { return !alice.found(bob.key()).empty() && !bob.found(alice.key()).empty(); },
                 2s);
  const std::vector<Endpoint> bobs = alice.found(bob.key());
  ASSERT_EQ(bobs.size(), 6u);  // the observed endpoints come first, then the ports' own addresses
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bobs[i], world.OuterOf(bob, i));
    EXPECT_EQ(bobs[3 + i], (Endpoint{MapWorld::Inner(2, i), 13116}));
  }
  EXPECT_EQ(bob.found(alice.key()).size(), 4u);
}

TEST(MapClient, StaysRegisteredForHours) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(1s);
  for (int hour = 0; hour < 3; ++hour) {
    for (int minute = 0; minute < 60; ++minute) {
      world.Run(60s);
      ASSERT_EQ(world.store().registrations(), 3u) << hour << ":" << minute;
      ASSERT_TRUE(alice.registered() && bob.registered());
    }
  }
  EXPECT_EQ(world.map().drops(Drop::kUnknownSession), 0u) << "a rekey loses nothing";
  EXPECT_EQ(alice.drops(Drop::kUnknownSession), 0u);
}

TEST(MapClient, PushesReachTheOtherSideWithinARoundTrip) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(10s);
  ASSERT_EQ(bob.found(alice.key()).size(), 4u);

  alice.SetPort(world.now, 2, {.up = true, .addresses = {Ip("10.1.9.1")}});
  world.Rebind(alice, 2, At("203.0.113.77:5555"));
  const auto has = [&](const Endpoint& endpoint) {
    const auto found = bob.found(alice.key());
    return std::find(found.begin(), found.end(), endpoint) != found.end();
  };
  // Four messages cross the network: register, challenge, echo and push.
  EXPECT_LE(world.RunUntil([&] { return has(At("203.0.113.77:5555")); }, 1s), 100ms);

  world.Run(1s);  // changes that follow soon are joined
  // A port that goes down is deregistered through the other ports.
  alice.SetPort(world.now, 2, {.up = false, .addresses = {}});
  EXPECT_LE(world.RunUntil([&] { return !has(At("203.0.113.77:5555")); }, 1s), 100ms);
  EXPECT_EQ(bob.found(alice.key()).size(), 4u);
}

TEST(MapClient, ANatRebindIsNoticedAndTold) {
  MapWorld world;
  MapNode& alice = world.AddNode();
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(10s);
  world.Rebind(alice, 0, At("203.0.113.5:1024"));
  EXPECT_LE(
      world.RunUntil([&] { return bob.found(alice.key()).at(0) == At("203.0.113.5:1024"); }, 10s),
      protocol::kMapRefreshMin + 500ms);
  EXPECT_EQ(alice.status().registrations.at(0).endpoint, At("203.0.113.5:1024"));
}

// As soon as a path over the port has fallen silent: within the two round trips of register, echo and push.
TEST(MapClient, ANatRebindIsToldAtOnceWhereThePortIsDoubted) {
  MapWorld world;
  MapNode& alice = world.AddNode();
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  for (const char* outside : {"203.0.113.5:1024", "203.0.113.5:1025"}) {
    world.Run(10s);
    world.Rebind(alice, 0, At(outside));
    alice.map().LookAgain(world.now, 0);
    EXPECT_LE(world.RunUntil([&] { return bob.found(alice.key()).at(0) == At(outside); }, 10s),
              protocol::kMapLookUpAgain + 500ms);
    for (int i = 0; i < 100; ++i) alice.map().LookAgain(world.now, 0);
  }
}

// Alice hears of bob's private address as soon as she comes to the NAT that he is behind. Nothing of bob changes, so it
// is she who has to ask.
TEST(MapClient, WhoComesBehindThePeersNatLearnsItsPrivateAddress) {
  MapWorld world;
  MapNode& alice = world.AddNode();
  MapNode& bob = world.AddNode();
  const Endpoint inner = At("10.0.0.2:13116");
  bob.SetPort(world.now, 0, {.up = true, .addresses = {inner.address}});
  world.MakeFriends(alice, bob);
  world.Run(10s);
  EXPECT_EQ(alice.found(bob.key()), std::vector{world.OuterOf(bob)});
  world.Rebind(alice, 0, {world.OuterOf(bob).address, 40000});
  world.RunUntil([&] { return alice.found(bob.key()).back() == inner; },
                 protocol::kMapRefreshMin + 2s);
}

TEST(MapClient, LossReorderingAndDoublingDelayButDoNotBreak) {
  MapWorld world;
  world.loss = 0.3;
  world.doubled = 0.3;
  world.jitter = 100ms;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode(2);
  world.MakeFriends(alice, bob);
  world.RunUntil(
      [&] { return alice.found(bob.key()).size() == 4 && bob.found(alice.key()).size() == 4; },
      30s);
  for (int i = 0; i < 600; ++i) {
    world.Run(1s);
    ASSERT_EQ(world.store().registrations(), 4u);
  }
  world.Rebind(alice, 0, At("203.0.113.5:1024"));
  world.RunUntil(
      [&] {
        const auto found = bob.found(alice.key());
        return std::find(found.begin(), found.end(), At("203.0.113.5:1024")) != found.end();
      },
      30s);
  EXPECT_GT(world.map().drops(Drop::kDuplicate), 0u);
}

TEST(MapClient, ARestartedMapIsWholeAgainThreeSecondsAfterARefresh) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode(2);
  world.MakeFriends(alice, bob);
  for (int time = 0; time < 20; ++time) {
    world.Run(5s + time * 137ms);
    ASSERT_EQ(world.store().registrations(), 4u);
    world.KillMap();
    world.StartMap();
    const uint64_t heard = bob.times_found(alice.key());
    EXPECT_LE(world.RunUntil([&] { return world.store().registrations() == 4; }, 20s),
              protocol::kMapRefreshMin + 3s);
    // The restarted map introduces the two nodes to each other again.
    world.RunUntil([&] { return bob.times_found(alice.key()) > heard; }, 1s);
  }
}

TEST(MapClient, AMapThatComesBackAfterAnHourIsWholeAgainWithinHalfAMinute) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(10s);
  const auto before = alice.found(bob.key());
  world.KillMap();
  world.Run(10s);
  EXPECT_EQ(alice.status().state, "silent");
  world.Run(3600s);
  EXPECT_EQ(alice.found(bob.key()), before) << "silence takes nothing back";
  world.StartMap();
  EXPECT_LE(world.RunUntil([&] { return world.store().registrations() == 3; }, 60s),
            protocol::kMapGreetingMax + 1s);
  world.Run(100ms);
  EXPECT_EQ(alice.status().state, "registered");
}

// Repetitions are spread for the sake of a crowd. A lost datagram is repeated soon all the same.
TEST(MapClient, ALostInitiationCostsAQuarterOfASecond) {
  for (int seed = 0; seed < 20; ++seed) {
    MapWorld world;
    int initiations = 0;
    world.lost = [&](const MapWorld::Datagram& datagram) {
      return wire::ClassifyDatagram(datagram.bytes) == wire::MessageType::kInitiation &&
             ++initiations == 1;
    };
    for (int i = 0; i < seed; ++i) world.AddNode();
    world.Run(10s);
    initiations = 0;
    MapNode& node = world.AddNode();
    EXPECT_LE(world.RunUntil([&] { return node.registered(); }, 5s), 300ms + 8 * world.delay);
  }
}

// The copies for both ports come at once. The map knows only by the session that one of them leads nowhere.
TEST(MapClient, WhereOneWayLeadsNowhereTheOtherCopyIsAnswered) {
  MapWorld world;
  world.lost = [](const MapWorld::Datagram& datagram) {
    return !datagram.to_map && datagram.at == MapWorld::Outer(1, 0);
  };
  MapNode& node = world.AddNode(2);
  EXPECT_LE(world.RunUntil([&] { return node.registered(); }, 5s), 10 * world.delay);
}

TEST(MapClient, AMapThatShutsDownIsNotedAtOnce) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  world.Run(10s);
  world.map().Shutdown(world.now);
  world.Run(500ms);
  EXPECT_EQ(alice.status().state, "connecting");
  world.KillMap();
  world.StartMap();
  EXPECT_LE(world.RunUntil([&] { return world.store().registrations() == 2; }, 10s), 3s);
}

TEST(MapClient, EmptyAnswersTakeNothingBack) {
  MapWorld world;
  MapNode& alice = world.AddNode();
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(5s);
  const auto before = alice.found(bob.key());
  ASSERT_FALSE(before.empty());
  bob.SetPeers(world.now, {});  // bob allows nobody any more
  const uint64_t lookups = world.map().counts().lookups;
  world.Run(200s);
  EXPECT_GT(world.map().counts().lookups, lookups);
  EXPECT_EQ(alice.found(bob.key()), before);
}

// Who asks again while a question is under way may know of something that its answer does not.
TEST(MapClient, AnAnswerDoesNotPutOffAQuestionThatWasAskedSince) {
  MapWorld world;
  MapNode& alice = world.AddNode();
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(10s);
  const uint64_t lookups = world.map().counts().lookups;
  alice.LookUpAgain(world.now, bob.key());
  world.Run(10ms);
  alice.LookUpAgain(world.now, bob.key());
  world.Run(2s);
  EXPECT_EQ(world.map().counts().lookups, lookups + 2);
}

TEST(MapClient, OneDeadMapOfTwoIsNoOutage) {
  MapWorld world(2);
  world.KillMap(0);
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode(2);
  world.MakeFriends(alice, bob);
  EXPECT_LE(world.RunUntil([&] { return alice.found(bob.key()).size() == 4; }, 5s), 1s);
  EXPECT_EQ(alice.status(0).state, "connecting");
  EXPECT_EQ(alice.status(1).state, "registered");
  // Now the other map dies.
  world.StartMap(0);
  world.KillMap(1);
  world.RunUntil([&] { return alice.registered(0) && bob.registered(0); }, 10s);
  world.Rebind(alice, 0, At("203.0.113.5:1024"));
  world.RunUntil(
      [&] {
        const auto found = bob.found(alice.key());
        return !found.empty() && found.front() == At("203.0.113.5:1024");
      },
      protocol::kMapRefreshMin + 5s);
}

// Its UDP is blocked: what the map sees of it is a TLS connection, to which no datagram gets.
TEST(MapClient, NobodyIsToldWhereATlsConnectionComesFrom) {
  MapWorld world;
  MapNode& alice = world.AddNode(1);
  MapNode& bob = world.AddNode(1);
  const Endpoint stream = world.OuterOf(alice, 0);
  world.in_stream = {stream};
  world.MakeFriends(alice, bob);
  world.RunUntil([&] { return !alice.found(bob.key()).empty() && bob.registered(); }, 5s);
  EXPECT_EQ(alice.status().registrations.front().endpoint, stream);
  EXPECT_EQ(alice.found(bob.key()).front(), world.OuterOf(bob, 0));
  world.Run(100s);
  for (const Endpoint& endpoint : bob.found(alice.key())) EXPECT_NE(endpoint, stream);
  // UDP works again, and bob hears of it.
  const Endpoint udp = At("203.0.113.5:1024");
  world.Rebind(alice, 0, udp);
  world.RunUntil(
      [&] {
        const auto found = bob.found(alice.key());
        return !found.empty() && found.front() == udp;
      },
      protocol::kMapRefreshMin + 5s);
}

// A name server says that the map is ourselves.
TEST(MapClient, AnAddressOfOurOwnIsNamed) {
  MapWorld world(1);
  world.KillMap(0);
  MapNode& node = world.AddNode(1);
  node.SetPort(world.now, 0, {.up = true, .addresses = {world.MapAddress(0).address}});
  world.Run(5s);
  EXPECT_EQ(node.status(0).reason, "the map's address is our own");
  node.SetPort(world.now, 0, {.up = true, .addresses = {MapWorld::Inner(1, 0)}});
  EXPECT_EQ(node.status(0).reason, "no answer to the handshake");
}

// The port is in a connection to the second map: the first one does not hear of it, and misses nothing.
TEST(MapClient, APortThatReachesOneAddressRegistersThereAlone) {
  MapWorld world(2);
  MapNode& node = world.AddNode(1);
  protocol::PortState port{.up = true, .addresses = {MapWorld::Inner(1, 0)}};
  port.only = world.MapAddress(1).address;
  node.SetPort(world.now, 0, port);
  world.RunUntil([&] { return node.registered(1); }, 5s);
  world.Run(60s);
  EXPECT_FALSE(node.registered(0));
  EXPECT_EQ(node.status(0).reason, "no port can reach the map");
  EXPECT_TRUE(node.status(1).silent.empty());
  world.KillMap(1);
  world.Run(60s);
  ASSERT_EQ(node.status(1).silent.size(), 1u);
  EXPECT_EQ(node.status(1).silent[0].port, 0);
  EXPECT_LT(node.status(1).silent[0].since, world.now - 30s);
}

TEST(MapClient, OneDeadPortOfTwoDelaysNothing) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode(2);
  const Endpoint dead = world.OuterOf(alice, 0);
  world.lost = [&](const MapWorld::Datagram& datagram) { return datagram.at == dead; };
  world.MakeFriends(alice, bob);
  EXPECT_LE(
      world.RunUntil(
          [&] { return alice.found(bob.key()).size() == 4 && !bob.found(alice.key()).empty(); },
          5s),
      1s);
  world.Run(100s);
  EXPECT_EQ(world.store().registrations(), 3u);
  EXPECT_EQ(alice.status().state, "registered");
  // One silent port must not make the node believe that the map is gone, so it begins no further handshake.
  EXPECT_LE(world.map().drops(Drop::kHandshakeRepeated), 1u);
}

TEST(MapClient, PushesFindAnotherPortWhenOneDies) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode(1);
  world.MakeFriends(alice, bob);
  world.Run(5s);
  const Endpoint dead = world.OuterOf(alice, 0);
  world.lost = [&](const MapWorld::Datagram& datagram) { return datagram.at == dead; };
  world.Rebind(bob, 0, At("203.0.113.5:1024"));
  EXPECT_LE(
      world.RunUntil([&] { return alice.found(bob.key()).at(0) == At("203.0.113.5:1024"); }, 10s),
      protocol::kMapRefreshMin + 2s);
}

TEST(MapClient, DeregistersAtShutdown) {
  MapWorld world;
  MapNode& alice = world.AddNode(2);
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(5s);
  alice.Shutdown(world.now);
  world.Run(100ms);
  EXPECT_EQ(world.map().counts().sessions, 1u);
  world.Run(20s);
  MapNode& late = world.AddNode();
  late.SetPeers(world.now, {alice.key()});
  world.Run(5s);
  EXPECT_TRUE(late.found(alice.key()).empty());
  world.Run(60s);
  EXPECT_EQ(world.store().registrations(), 2u);
}

TEST(MapClient, SessionsAreRekeyedWithoutAGap) {
  MapWorld world;
  world.node_rekey_after = 20s;
  world.map_rekey_after = 20s;
  world.StartMap();
  MapNode& alice = world.AddNode(2);
  world.Run(1s);
  const auto first = alice.map().association().send_session();
  for (int i = 0; i < 200; ++i) {
    world.Run(1s);
    ASSERT_EQ(world.store().registrations(), 2u);
    ASSERT_TRUE(alice.registered()) << i;
  }
  EXPECT_NE(alice.map().association().send_session(), first);
  EXPECT_EQ(world.map().drops(Drop::kUnknownSession), 0u);
}

TEST(MapClient, FindsAThousandPeers) {
  MapWorld world;
  world.max_clients = 5000;
  world.StartMap();
  MapNode& hub = world.AddNode();
  std::vector<wire::PublicKey> keys;
  std::vector<MapNode*> spokes;
  for (int i = 0; i < 40; ++i) {
    spokes.push_back(&world.AddNode());
    spokes.back()->SetPeers(world.now, {hub.key()});
    keys.push_back(spokes.back()->key());
  }
  // These keys belong to no node.
  for (int i = 0; i < 960; ++i) keys.push_back(wire::SecretKey::Generate().Public());
  hub.SetPeers(world.now, keys);
  world.RunUntil(
      [&] {
        return std::all_of(spokes.begin(), spokes.end(), [&](MapNode* spoke) {
          return !spoke->found(hub.key()).empty() && !hub.found(spoke->key()).empty();
        });
      },
      20s);
}

// Bob hears of nothing for longer than pushes are repeated, and still learns it at his next refresh.
TEST(MapClient, ANodeThatWasAwayLearnsAtItsNextRefreshWhatItMissed) {
  MapWorld world;
  MapNode& alice = world.AddNode();
  MapNode& bob = world.AddNode();
  world.MakeFriends(alice, bob);
  world.Run(10s);
  // Only pushes are lost: they are all that is longer than the answer to a register.
  world.lost = [&](const MapWorld::Datagram& datagram) {
    return !datagram.to_map && datagram.node == &bob && datagram.bytes.size() > 80;
  };
  world.Rebind(alice, 0, At("203.0.113.5:1024"));
  world.Run(15s);
  world.lost = nullptr;
  EXPECT_NE(bob.found(alice.key()).at(0), At("203.0.113.5:1024"));
  EXPECT_LE(
      world.RunUntil([&] { return bob.found(alice.key()).at(0) == At("203.0.113.5:1024"); }, 30s),
      protocol::kMapRefreshMin + 1s);
}

// A slow port's messages come behind hundreds of look-ups by a fast one, all of one session.
TEST(MapClient, ASlowPortStaysRegisteredWhileManyPeersAreLookedUp) {
  MapWorld world;
  MapNode& node = world.AddNode(2);
  const Endpoint slow = world.OuterOf(node, 1);
  world.slow = [&](const MapWorld::Datagram& datagram) {
    return datagram.at == slow ? Duration(600ms) : Duration(0);
  };
  std::vector<wire::PublicKey> nobody;
  for (int i = 0; i < 600; ++i) nobody.push_back(wire::SecretKey::Generate().Public());
  node.SetPeers(world.now, nobody);
  world.RunUntil([&] { return world.store().registrations() == 2; }, 15s);
  for (int i = 0; i < 120; ++i) {
    world.Run(1s);
    ASSERT_EQ(node.status().registrations.size(), 2u) << i;
  }
  EXPECT_EQ(world.map().drops(Drop::kTooOld), 0u);
}

// The map still holds the registrations of the last life, which count as later by their order.
TEST(MapClient, ANodeWhoseClockWentBackIsRegisteredAfterOneMoreRoundTrip) {
  MapWorld world;
  const wire::SecretKey secret = wire::SecretKey::Generate();
  MapNode& before = world.AddNode(2, secret.Clone(), 5000);
  world.RunUntil([&] { return before.status().registrations.size() == 2; }, 1s);
  world.Silence(before);
  MapNode& after = world.AddNode(2, secret.Clone(), 1000);
  EXPECT_LE(world.RunUntil([&] { return after.status().registrations.size() == 2; }, 5s), 1s);
  EXPECT_GT(world.map().drops(Drop::kTooOld), 0u);
  world.Run(10s);
  EXPECT_EQ(after.status().registrations.size(), 2u);
  EXPECT_EQ(world.store().registrations(), 2u);
}

// A name server of a network that translates makes an IPv6 address of the map's IPv4 address (DNS64). What comes from
// there counts as IPv4, so that a registration of its own would never hear its answer.
TEST(MapRegistrations, AMapsAddressIsNotTwoWhereTheNetworkTranslates) {
  protocol::Identity identity(
      {.secret_key = wire::SecretKey::Generate(), .wall_clock = [] { return uint64_t{1}; }});
  protocol::MapRegistrations registrations(
      identity, {.endpoints = {At("198.51.100.1:13116"), At("[64:ff9b::198.51.100.1]:13116"),
                               At("[2001:db8::1]:13116")}});
  protocol::PortState port{.up = true, .addresses = {Ip("2001:db8:7::2")}};
  const auto remotes = [&] {
    registrations.SetPorts(Instant{1000s}, {{0, port}});
    std::vector<std::string> texts;
    for (const protocol::Way& way : registrations.Ways({}))
      texts.push_back(way.route.remote.ToString());
    return texts;
  };
  port.nat64 = wire::Nat64Prefix::WellKnown();
  EXPECT_THAT(remotes(),
              testing::UnorderedElementsAre("198.51.100.1:13116", "[2001:db8::1]:13116"));
  port.nat64.reset();
  EXPECT_THAT(remotes(),
              testing::UnorderedElementsAre("[64:ff9b::c633:6401]:13116", "[2001:db8::1]:13116"));
}

// A map that lies about the time or the order makes a node register no faster than the floor.
TEST(MapRegistrations, ALyingMapDoesNotSetThePace) {
  protocol::Identity identity(
      {.secret_key = wire::SecretKey::Generate(), .wall_clock = [] { return uint64_t{1}; }});
  const Endpoint map = At("198.51.100.1:13116");
  protocol::MapRegistrations registrations(identity, {.endpoints = {map}});
  Instant now{1000s};
  registrations.SetPorts(now, {{0, {.up = true, .addresses = {Ip("192.0.2.1")}}}});
  const Arrival arrival{0, map, {}};
  uint64_t counter = 0;
  protocol::MapRegistered answer;
  answer.lifetime_s = 60;
  answer.refresh_ms = 1;
  answer.state = protocol::MapState::kPublished;
  ASSERT_EQ(registrations.TakeDue(now).size(), 1u);
  registrations.HandleRegistered(now, arrival, {1, ++counter}, answer);
  EXPECT_GE(registrations.NextTimeout(), now + protocol::kMapRefreshFloor / 2);

  answer.state = protocol::MapState::kStale;
  size_t registers = 0;
  for (uint64_t epoch = 100; epoch < 200; ++epoch) {
    for (const uint64_t standing : {epoch, epoch}) {
      answer.mark = standing;
      registrations.HandleRegistered(now, arrival, {1, ++counter}, answer);
      registers += registrations.TakeDue(now).size();
    }
  }
  EXPECT_LE(registers, static_cast<size_t>(protocol::kMapEchoes));
}

// --- Hostile ---

class MapHostile : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.record = true;
    alice_ = &world_.AddNode();
    bob_ = &world_.AddNode();
    world_.MakeFriends(*alice_, *bob_);
    world_.Run(5s);
  }
  uint64_t Dropped(Drop drop) { return world_.map().drops(drop); }
  // Expects the same registrations and sessions, and that alice and bob still know each other's endpoints.
  void ExpectNothingChanged() {
    EXPECT_EQ(world_.store().registrations(), 2u);
    EXPECT_EQ(world_.map().counts().sessions, 2u);
    EXPECT_EQ(alice_->found(bob_->key()).at(0), world_.OuterOf(*bob_));
    EXPECT_EQ(bob_->found(alice_->key()).at(0), world_.OuterOf(*alice_));
  }
  // Counts the datagrams that the map has sent to `at`, beginning at index `from` of those seen.
  size_t AnswersTo(const Endpoint& at, size_t from) {
    size_t count = 0;
    for (size_t i = from; i < world_.seen.size(); ++i)
      count += !world_.seen[i].to_map && world_.seen[i].at == at;
    return count;
  }

  MapWorld world_;
  MapNode* alice_ = nullptr;
  MapNode* bob_ = nullptr;
  const Endpoint mallory_ = At("203.0.113.66:666");
};

TEST_F(MapHostile, RepliesNoMoreThanItReceived) {
  std::map<Endpoint, int64_t> balance;
  for (const auto& datagram : world_.seen) {
    int64_t& bytes = balance[datagram.at];
    const auto size = static_cast<int64_t>(datagram.bytes.size());
    bytes += datagram.to_map ? size : -size;
    // The rule must hold from the first datagram on, hence also before the map has verified the address.
    if (!datagram.to_map && wire::ClassifyDatagram(datagram.bytes) != wire::MessageType::kSealed) {
      EXPECT_GE(bytes, 0);
    }
  }
}

TEST_F(MapHostile, GarbageIsCountedByName) {
  const size_t before = world_.seen.size();
  world_.Inject(0, mallory_, {});
  world_.Inject(0, mallory_, {1, 0});
  world_.Inject(0, mallory_, {1, 0, 0, 0, 1, 2, 3});
  world_.Inject(0, mallory_, std::vector<uint8_t>(64, 0xff));
  world_.Inject(0, mallory_, {9, 0, 0, 0, 1, 2, 3});
  std::vector<uint8_t> sealed(64, 0);
  sealed[0] = 1;
  world_.Inject(0, mallory_, sealed);
  for (const uint8_t type : {3, 4}) {
    sealed[0] = type;
    world_.Inject(0, mallory_, sealed);
  }
  std::vector<uint8_t> initiation(1000, 0x55);
  std::fill_n(initiation.begin(), 4, 0);
  initiation[0] = 2;
  world_.Inject(0, mallory_, initiation);
  world_.Run(50ms);
  EXPECT_EQ(Dropped(Drop::kTruncated), 3u);
  EXPECT_EQ(Dropped(Drop::kUnknownType), 2u);
  EXPECT_EQ(Dropped(Drop::kUnknownSession), 3u);
  EXPECT_EQ(Dropped(Drop::kHandshakeFailed) + Dropped(Drop::kBadMac), 1u);
  EXPECT_EQ(AnswersTo(mallory_, before), 0u);
  ExpectNothingChanged();
}

TEST_F(MapHostile, ReplaysAndReflectionsChangeNothing) {
  const std::vector<MapWorld::Datagram> recorded = world_.seen;
  const size_t before = world_.seen.size();
  size_t sealed = 0;
  for (const auto& datagram : recorded) {
    world_.Inject(0, mallory_, datagram.bytes);
    sealed +=
        datagram.to_map && wire::ClassifyDatagram(datagram.bytes) == wire::MessageType::kSealed;
  }
  world_.Run(100ms);
  // Sealed datagrams are duplicates or behind the window. Datagrams of the map that are sent back to it belong to none
  // of its sessions.
  EXPECT_EQ(Dropped(Drop::kDuplicate) + Dropped(Drop::kTooOld), sealed);
  EXPECT_GT(Dropped(Drop::kHandshakeStale), 0u);
  // A recorded initiation gets a retry, which is shorter. Nothing else is answered.
  for (size_t i = before; i < world_.seen.size(); ++i) {
    if (world_.seen[i].to_map || world_.seen[i].at != mallory_) continue;
    EXPECT_EQ(wire::ClassifyDatagram(world_.seen[i].bytes), wire::MessageType::kRetry);
  }
  world_.Run(60s);
  ExpectNothingChanged();
}

TEST_F(MapHostile, FlippedBitsAreUnauthentic) {
  uint64_t flipped = 0;
  world_.lost = [&](const MapWorld::Datagram& datagram) {
    if (!datagram.to_map || datagram.node != alice_) return false;
    if (wire::ClassifyDatagram(datagram.bytes) != wire::MessageType::kSealed) return false;
    for (size_t i = 8; i < datagram.bytes.size(); i += 7) {
      std::vector<uint8_t> forged = datagram.bytes;
      forged[i] ^= 0x10;
      world_.Inject(0, mallory_, forged);
      ++flipped;
    }
    return false;
  };
  world_.Run(2 * protocol::kMapRefreshMin);
  ASSERT_GT(flipped, 0u);
  EXPECT_EQ(Dropped(Drop::kUnauthentic) + Dropped(Drop::kBadCounter) + Dropped(Drop::kDuplicate) +
                Dropped(Drop::kTooOld),
            flipped);
  EXPECT_GT(Dropped(Drop::kUnauthentic), flipped / 2);
  ExpectNothingChanged();
}

TEST_F(MapHostile, AnInterceptedRegisterDoesNotMoveTheAddress) {
  // Mallory intercepts each register of alice and sends it to the map from her own address.
  world_.lost = [&](const MapWorld::Datagram& datagram) {
    if (!datagram.to_map || datagram.node != alice_) return false;
    world_.Inject(0, mallory_, datagram.bytes);
    return true;
  };
  world_.Run(30s);
  EXPECT_EQ(bob_->found(alice_->key()).at(0), world_.OuterOf(*alice_));
  MapNode& late = world_.AddNode();
  bob_->SetPeers(world_.now, {alice_->key(), late.key()});
  world_.lost = nullptr;
  world_.Run(30s);
  EXPECT_EQ(alice_->status().registrations.at(0).endpoint, world_.OuterOf(*alice_));
  EXPECT_EQ(bob_->found(alice_->key()).at(0), world_.OuterOf(*alice_));
}

TEST_F(MapHostile, AHandshakeFromARecordingGivesNothing) {
  // Mallory replays alice's first initiation to a map that has forgotten alice. The map answers, but nothing changes.
  std::vector<uint8_t> initiation;
  for (const auto& datagram : world_.seen) {
    if (datagram.to_map && datagram.node == alice_ &&
        wire::ClassifyDatagram(datagram.bytes) == wire::MessageType::kInitiation) {
      initiation = datagram.bytes;
      break;
    }
  }
  ASSERT_FALSE(initiation.empty());
  world_.KillMap();
  world_.StartMap();
  world_.Inject(0, mallory_, initiation);
  world_.Run(20s);
  ExpectNothingChanged();
  EXPECT_EQ(bob_->status().state, "registered");
}

TEST_F(MapHostile, AStrangerLearnsNothingAndReachesNobody) {
  MapNode& eve = world_.AddNode();
  eve.SetPeers(world_.now, {alice_->key(), bob_->key(), wire::SecretKey::Generate().Public()});
  world_.Run(60s);
  EXPECT_TRUE(eve.registered());
  EXPECT_TRUE(eve.found(alice_->key()).empty());
  EXPECT_TRUE(alice_->found(eve.key()).empty());
  // The answers to her lookups are too short to hold an endpoint.
  std::map<size_t, int> sizes;
  for (const auto& datagram : world_.seen) {
    if (datagram.to_map || datagram.at != world_.OuterOf(eve)) continue;
    if (wire::ClassifyDatagram(datagram.bytes) == wire::MessageType::kSealed)
      ++sizes[datagram.bytes.size()];
  }
  for (const auto& [size, count] : sizes)
    EXPECT_LT(size, 32u + 39 + 18) << "an endpoint went to a stranger";
}

TEST_F(MapHostile, ANodeThatSaysTooMuchIsLimited) {
  // A faulty client sends lookups without end, in correctly sealed messages.
  auto& association = alice_->map().association();
  protocol::Outbox outbox;
  for (uint32_t i = 0; i < kMessageBurst + 500; ++i) {
    association.Send(world_.now, protocol::Route{0, MapWorld::MapAddress(0)},
                     EncodeMapMessage(protocol::MapLookup{i, 0, bob_->key()}), outbox);
  }
  while (auto out = outbox.Pop())
    world_.Inject(0, world_.OuterOf(*alice_), std::move(out->datagram));
  world_.Run(50ms);
  EXPECT_GE(Dropped(Drop::kRateLimited), 400u);
  world_.Run(10s);
  ExpectNothingChanged();
  EXPECT_EQ(alice_->status().state, "registered");
}

TEST_F(MapHostile, UnknownMessagesOfAnAuthenticNodeAreSkipped) {
  auto& association = alice_->map().association();
  protocol::Outbox outbox;
  for (const std::vector<uint8_t>& plaintext : {std::vector<uint8_t>{3, 0x7f},
                                                {3, 0x40, 1},
                                                {3},
                                                {1, 0, 0, 0, 9},
                                                {9},
                                                {3, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}}) {
    association.Send(world_.now, protocol::Route{0, MapWorld::MapAddress(0)}, plaintext, outbox);
  }
  while (auto out = outbox.Pop())
    world_.Inject(0, world_.OuterOf(*alice_), std::move(out->datagram));
  world_.Run(50ms);
  EXPECT_EQ(Dropped(Drop::kUnknownKind) + Dropped(Drop::kMalformed), 6u);
  ExpectNothingChanged();
}

TEST(MapLimits, UnderLoadNodesAreLetInByCookie) {
  MapWorld world;
  world.handshakes = {
      .burst = 8, .per_second = 20, .reply_burst = 1000, .replies_per_second = 1000};
  world.StartMap();
  std::vector<MapNode*> nodes;
  for (int i = 0; i < 20; ++i) nodes.push_back(&world.AddNode(2));
  world.RunUntil([&] { return world.store().registrations() == 40; }, 30s);
  EXPECT_GT(world.map().drops(Drop::kBadCookie), 0u);
}

// A newcomer that has not confirmed its session takes the place of another such newcomer, not of a confirmed client.
TEST(MapLimits, AFloodOfNewKeysThrowsOutOneClientAtMost) {
  MapWorld world;
  world.max_clients = 3;
  world.StartMap();
  std::vector<MapNode*> nodes;
  for (int i = 0; i < 3; ++i) nodes.push_back(&world.AddNode());
  world.Run(5s);
  std::vector<MapNode*> strangers;
  for (int i = 0; i < 8; ++i) strangers.push_back(&world.AddNode());
  // The map's responses do not reach the strangers, so they cannot confirm.
  world.lost = [&](const MapWorld::Datagram& datagram) {
    return !datagram.to_map &&
           std::find(strangers.begin(), strangers.end(), datagram.node) != strangers.end();
  };
  world.Run(100ms);
  EXPECT_EQ(world.map().counts().sessions, 3u);
  uint64_t unknown = world.map().drops(Drop::kUnknownSession);
  world.Run(700ms);  // too short for a client to notice its loss and to shake hands again
  EXPECT_LE(world.map().drops(Drop::kUnknownSession) - unknown, 3u)
      << "more than one lost its session";
}

// Strangers of one network, which is the neighbour's too, never confirm, and each makes a new client every few
// milliseconds. A newcomer needs a round trip to confirm.
TEST(MapLimits, AFloodOfNewKeysKeepsNoNewcomerOutOfAFullTable) {
  MapWorld world;
  world.max_clients = 64;
  world.StartMap();
  for (int i = 0; i < 64; ++i) world.AddNode();
  world.Run(5s);
  ASSERT_EQ(world.map().counts().sessions, 64u);
  std::set<MapNode*> strangers;
  world.lost = [&](const MapWorld::Datagram& datagram) {
    return !datagram.to_map && strangers.contains(datagram.node);
  };
  const auto flood = [&](int count) {
    for (int i = 0; i < count; ++i) {
      MapNode& stranger = world.AddNode();
      world.Rebind(stranger, 0,
                   {Ip("203.0.113.66"), static_cast<uint16_t>(1024 + strangers.size())});
      strangers.insert(&stranger);
      world.Run(2ms);
    }
  };
  flood(100);
  MapNode& newcomer = world.AddNode();
  MapNode& neighbour = world.AddNode();  // of the strangers
  world.Rebind(neighbour, 0, At("203.0.113.67:13116"));
  flood(100);
  EXPECT_TRUE(newcomer.registered());
  EXPECT_TRUE(neighbour.registered());
  EXPECT_EQ(world.map().counts().sessions, 64u);
}

TEST(MapLimits, NewcomersOfOneNetworkMakeRoomForThoseOfOthers) {
  const Network home = NetworkOf(Ip("192.0.2.1"));
  const Network cafe = NetworkOf(Ip("203.0.113.1"));
  const auto key = [] { return wire::SecretKey::Generate().Public(); };
  protocol::Identity identity({.secret_key = wire::SecretKey::Generate()});
  ClientTable clients(identity, 3, 3600s);
  std::vector<wire::PublicKey> proven;
  for (int i = 0; i < 3; ++i) {
    proven.push_back(key());
    clients.Touch(clients.Make(proven.back(), i == 0 ? cafe : home));
  }
  const wire::PublicKey idle = proven[1];
  const wire::PublicKey honest = key();
  const Id newcomer = clients.Make(honest, home);
  for (size_t i = 0; i < 3 * kNewcomersAtLeast; ++i) clients.Make(key(), cafe);
  EXPECT_EQ(clients.size(), 3u) << "who has proved nothing throws out nobody";
  ASSERT_EQ(clients.Find(honest), newcomer);
  // It proves itself, and in its network, which has most, the one that was idle for longest goes.
  clients.Touch(newcomer);
  EXPECT_EQ(clients.size(), 3u);
  EXPECT_EQ(clients.Find(idle), kNoId);
  EXPECT_NE(clients.Find(honest), kNoId);
  EXPECT_NE(clients.Find(proven[0]), kNoId);
}

TEST(MapLimits, TheClientThatWasIdleForLongestGoes) {
  MapWorld world;
  world.max_clients = 3;
  world.StartMap();
  for (int i = 0; i < 3; ++i) world.AddNode();
  world.Run(5s);
  ASSERT_EQ(world.map().counts().sessions, 3u);
  world.AddNode();
  world.Run(10s);
  EXPECT_EQ(world.map().counts().sessions, 3u);
}

// --- Several servers that are one map. ---

// How many datagrams the map was sent since `world.record` was set.
size_t SentTo(const MapWorld& world, size_t map) {
  return static_cast<size_t>(
      std::count_if(world.seen.begin(), world.seen.end(),
                    [map](const MapWorld::Datagram& one) { return one.to_map && one.map == map; }));
}

TEST(MapClient, TheFirstServerServesAndTheNextWhereItIsDead) {
  MapWorld world(2);
  world.ShareKey();
  const Endpoint first = MapWorld::MapAddress(0), next = MapWorld::MapAddress(1);
  world.record = true;
  MapNode& alice = world.AddNode(2);
  alice.map().SetServers(world.now, {{first}, {next}});
  world.RunUntil([&] { return alice.status().registrations.size() == 2; }, 1s);
  world.Run(3h);
  EXPECT_EQ(alice.status().serving, first);
  EXPECT_EQ(SentTo(world, 1), 0u) << "also where its session is made anew";
  EXPECT_EQ(world.map().drops(Drop::kUnknownSession), 0u);
  // It dies. Whoever comes now finds the next one, and so does who was there before.
  world.KillMap(0);
  MapNode& bob = world.AddNode(2);
  bob.map().SetServers(world.now, {{first}, {next}});
  world.RunUntil([&] { return bob.status().registrations.size() == 2; }, 3s);
  EXPECT_EQ(bob.status().serving, next);
  world.RunUntil([&] { return alice.status().serving == next; }, 12s);
  // Whoever serves goes on to, also when the first is back.
  world.StartMap(0);
  world.Run(3h);
  EXPECT_EQ(alice.status().serving, next);
  EXPECT_EQ(alice.status().registrations.size(), 2u);
}

// Before a name server says something else, its answer is made worthless, or it fails: an address that works stays.
TEST(MapClient, AnAddressThatServesIsNotLeftForAnother) {
  MapWorld world(2);
  world.ShareKey();
  MapNode& alice = world.AddNode(2);
  world.RunUntil([&] { return alice.status().registrations.size() == 2; }, 1s);
  alice.map().SetServers(world.now, {{MapWorld::MapAddress(1)}});
  world.Run(3h);
  alice.map().SetServers(world.now, {{MapWorld::MapAddress(1)}, {At("45.0.0.1:13116")}});
  world.Run(1h);
  EXPECT_EQ(alice.status().serving, MapWorld::MapAddress(0));
  EXPECT_EQ(alice.status().registrations.size(), 2u);
  world.KillMap(0);
  world.RunUntil([&] { return alice.status().serving == MapWorld::MapAddress(1); }, 12s);
  world.RunUntil([&] { return alice.status().registrations.size() == 2; }, 2s);
}

// Two machines behind one name: whichever answers is the one with the session.
TEST(MapClient, AddressesOfOneNameMayBeSeveralMachines) {
  MapWorld world(2);
  world.ShareKey();
  world.slow = [](const MapWorld::Datagram& one) { return one.map == 0 ? 30ms : 0ms; };
  MapNode& alice = world.AddNode(2);
  alice.map().SetServers(world.now, {{MapWorld::MapAddress(0), MapWorld::MapAddress(1)}});
  world.RunUntil([&] { return alice.status().registrations.size() == 2; }, 1s);
  EXPECT_EQ(alice.status().serving, MapWorld::MapAddress(1));
  for (int minute = 0; minute < 180; ++minute) {
    world.Run(60s);
    ASSERT_EQ(alice.status().registrations.size(), 2u) << minute;
  }
  world.slow = nullptr;
  world.jitter = 20ms;
  for (int minute = 0; minute < 180; ++minute) {
    world.Run(60s);
    ASSERT_EQ(alice.status().registrations.size(), 2u) << minute;
  }
  EXPECT_EQ(alice.status().serving, MapWorld::MapAddress(1)) << "though either may be the faster";
  world.KillMap(1);
  world.RunUntil([&] { return alice.status().serving == MapWorld::MapAddress(0); }, 12s);
  world.RunUntil([&] { return alice.status().registrations.size() == 2; }, 2s);
}

// Fifteen of sixteen addresses are dead.
TEST(MapClient, ManyDeadAddressesHoldUpNothing) {
  MapWorld world;
  world.ShareKey();
  MapNode& alice = world.AddNode(2);
  std::vector<Endpoint> all;
  for (uint8_t i = 1; i < 16; ++i) all.push_back({wire::IpAddress::V4({45, 0, 0, i}), 13116});
  all.push_back(MapWorld::MapAddress(0));
  alice.map().SetServers(world.now, {all});
  world.RunUntil([&] { return alice.status().registrations.size() == 2; }, 1s);
}

TEST(MapClient, AddressesOfNobodyElseAreNoMaps) {
  MapWorld world;
  MapNode& alice = world.AddNode();
  const std::vector<Endpoint> before = alice.status().endpoints;
  alice.map().SetServers(world.now, {});
  alice.map().SetServers(world.now, {{}, {}});
  alice.map().SetServers(world.now,
                         {{At("127.0.0.1:53"), At("224.0.0.1:13116"), At("0.0.0.0:1")},
                          {At("[::1]:13116"), At("[ff02::1]:13116"), At("255.255.255.255:9")}});
  EXPECT_EQ(alice.status().endpoints, before);
  world.RunUntil([&] { return alice.registered(); }, 1s);
}

}  // namespace
}  // namespace warp::map
