// What one address, one network and one key may ask of a map, and that nobody uses up what is another's.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "control/protocol/handshake/handshake.h"
#include "control/protocol/handshake/source_budget.h"
#include "map-server/registry/partial_allow.h"
#include "tests/map-server/map_world.h"

namespace warp::map {
namespace {

using protocol::SourceBudget;
using protocol::SourceRates;
using wire::Drop;

constexpr SourceRates kFew{.address = {4, 1}, .network = {8, 2}};

class SourceBudgetTest : public testing::Test {
 protected:
  // How many of a hundred are let in.
  int Ask(const std::vector<const char*>& from) {
    int taken = 0;
    for (int i = 0; i < 100; ++i) taken += budget_.Take(now_, Ip(from[i % from.size()]));
    return taken;
  }
  Instant now_{1000s};
  SourceBudget budget_{kFew};
};

TEST_F(SourceBudgetTest, AnAddressHasItsShareAndGetsItBackWithTime) {
  EXPECT_EQ(Ask({"192.0.2.1"}), 4);
  EXPECT_EQ(Ask({"198.51.100.1"}), 4);
  now_ += 2s;
  EXPECT_EQ(Ask({"192.0.2.1"}), 2);
  now_ += 3600s;
  EXPECT_EQ(Ask({"192.0.2.1"}), 4);
}

TEST_F(SourceBudgetTest, ANetworkHasItsShareHoweverManyAddressesItHas) {
  EXPECT_EQ(Ask({"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}), 8);
  EXPECT_EQ(Ask({"2001:db8:7::1", "2001:db8:7:2::1", "2001:db8:7:ff00::1"}), 8);
  EXPECT_EQ(Ask({"2001:db8:8::1"}), 4) << "another /48";
}

constexpr uint32_t kStranger = 7;  // whose index all strangers name

// An initiation that anybody can make who knows the map's public key.
std::vector<uint8_t> Initiation(MapWorld& world) {
  const protocol::Identity stranger({.secret_key = wire::SecretKey::Generate()});
  protocol::CookieJar none(120s);
  const wire::PresharedKey psk;
  const protocol::InitiatorHandshake handshake(
      stranger, {.remote = world.map_key(), .psk = &psk, .role = wire::Role::kMap}, kStranger, {});
  return handshake.Copy(world.now, {0, MapWorld::MapAddress(0)}, none);
}

class MapShares : public testing::Test {
 protected:
  MapShares() {
    world_.handshakes = protocol::HandshakeBudget{.burst = 1000,
                                                  .per_second = 1000,
                                                  .reply_burst = 1000,
                                                  .replies_per_second = 1000,
                                                  .of_source = kFew};
    world_.StartMap();
  }
  MapWorld world_;
};

TEST_F(MapShares, StrangersInTheNameOfANodeDoNotKeepItOut) {
  const Endpoint home = MapWorld::Outer(1, 0);
  for (int i = 0; i < 50; ++i) world_.Inject(0, home, Initiation(world_));
  world_.Run(100ms);
  EXPECT_EQ(world_.map().drops(Drop::kBadCookie), 46u) << "beyond its share a source proves itself";
  MapNode& node = world_.AddNode();
  ASSERT_EQ(world_.OuterOf(node), home);
  world_.Run(500ms);
  EXPECT_TRUE(node.registered());
}

// Its repetitions are half a minute apart by then, but a cookie says that the map lives.
TEST_F(MapShares, ACookieIsFollowedAtOnceHoweverLongTheMapWasMissed) {
  MapNode& node = world_.AddNode();
  world_.Run(5s);
  world_.KillMap();
  world_.Run(3600s);
  world_.StartMap();
  Instant cookie = wire::kNever;
  world_.lost = [&](const MapWorld::Datagram& datagram) {
    if (datagram.node == &node && !datagram.to_map &&
        wire::ClassifyDatagram(datagram.bytes) == wire::MessageType::kCookieReply &&
        wire::DecodeHandshakeReceiver(datagram.bytes) != kStranger)
      cookie = std::min(cookie, world_.now);
    return false;
  };
  for (int i = 0; i < 100 && !node.registered(); ++i) {
    for (int k = 0; k < (i == 0 ? 5 : 1); ++k)
      world_.Inject(0, world_.OuterOf(node), Initiation(world_));
    world_.Run(400ms);
  }
  ASSERT_TRUE(node.registered());
  ASSERT_NE(cookie, wire::kNever);
  EXPECT_LE(world_.now - cookie, 1s);
}

TEST_F(MapShares, ThoseOfOneAddressWaitAndOthersDoNot) {
  for (uint16_t i = 0; i < 30; ++i)
    world_.Rebind(world_.AddNode(), 0, {Ip("203.0.113.7"), static_cast<uint16_t>(1024 + i)});
  MapNode& other = world_.AddNode();
  world_.Run(1s);
  EXPECT_TRUE(other.registered());
  // A burst of those that have not proved their address, one of those that have, and what a second brings both.
  EXPECT_GE(world_.map().counts().sessions, 8u);
  EXPECT_LE(world_.map().counts().sessions, 12u);
  EXPECT_GT(world_.map().drops(Drop::kHandshakeBudget), 0u);
}

// Initiations that pass all checks but the last, and copies of them under any address. A copy waits for the answer of
// the first, so it takes nobody's budget; it must not take anybody's place or turn either.
TEST_F(MapShares, CopiesOfWhatWaitsKeepNobodyOut) {
  world_.handshakes.reset();
  world_.StartMap();
  Handler& map = world_.map();
  std::mt19937_64 random(1);
  const auto deliver = [&](const Endpoint& from, std::vector<uint8_t> bytes) {
    map.HandleDatagram(world_.now, {3, from, MapWorld::MapAddress(0).address}, bytes);
  };
  std::vector<std::vector<uint8_t>> garbage;
  for (int i = 0; i < 200; ++i) {
    garbage.push_back(Initiation(world_));
    garbage.back()[50] ^= 1;
    wire::WriteMacs(wire::Mac1Key(world_.map_key()), nullptr, garbage.back());
    deliver({Ip("203.0.113.7"), 9}, garbage.back());
  }
  MapNode& node = world_.AddNode();
  std::vector<std::vector<uint8_t>> initiations;
  int answered = 0;
  // As the server does it: batches of 64, and few handshakes after each.
  for (int batch = 0; batch < 1000; ++batch) {
    world_.now += 1ms;
    for (int i = 0; i < 63; ++i) {
      const auto port = static_cast<uint16_t>(1 + random() % 60000);
      deliver({Ip("203.0.113.7"), port}, garbage[random() % garbage.size()]);
    }
    if (node.NextTimeout() <= world_.now) node.HandleTimeout(world_.now);
    while (auto out = node.NextTransmit()) deliver(world_.OuterOf(node), out->datagram);
    map.AnswerInitiations(world_.now, kHandshakesPerBatch + kBatch / kDatagramsPerHandshake);
    while (auto out = map.NextTransmit()) {
      if (out->to != world_.OuterOf(node)) continue;
      ++answered;
      node.Receive(world_.now, {0, MapWorld::MapAddress(0), {}}, std::move(out->datagram));
    }
    if (node.registered()) break;
  }
  EXPECT_TRUE(node.registered()) << answered;
  EXPECT_GE(answered, 2);
  EXPECT_LE(world_.now - Instant(1000s), 500ms);
}

// Somebody with an IPv6 /44 spreads over all of it. A NAT with many nodes behind it has not the most.
TEST(MapShareOfPrefixes, WhoeverHasAPrefixOfAProviderHasFewNetworks) {
  MemoryStore store({.registrations = 1000});
  const auto add = [&](const wire::IpAddress& from) {
    const wire::PublicKey key = wire::SecretKey::Generate().Public();
    Registration registration;
    registration.observed = {from, 13116};
    registration.order = {1, 1};
    registration.expires = Instant(2000s);
    store.PutRegistration(key, KeyId::Of(key), std::move(registration),
                          [](Instant, Store::Put, const Record*) {});
    store.Complete(Instant(1000s));
    return KeyId::Of(key);
  };
  std::vector<KeyId> honest;
  for (uint8_t i = 0; i < 30; ++i) honest.push_back(add(wire::IpAddress::V4({192, 0, 2, i})));
  for (int i = 0; i < 4096; ++i) {
    std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[5] = static_cast<uint8_t>(i % 16);
    bytes[6] = static_cast<uint8_t>(i / 16);
    bytes[15] = 1;
    add(wire::IpAddress::V6(bytes));
  }
  EXPECT_EQ(store.registrations(), 1000u);
  for (const KeyId& id : honest) {
    bool live = false;
    store.Show(id, [&](const Record& record) { live = record.live(); });
    EXPECT_TRUE(live);
  }
}

TEST(MapPartialLists, TheNetworkThatHasMostLosesItsOldest) {
  PartialAllow lists({.lists = 4, .list_ids = 1000});
  std::vector<KeyId> ids;
  const auto begin = [&](Network network) {
    ids.push_back(KeyId::Of(wire::SecretKey::Generate().Public()));
    lists.Begin(Instant(1s * ids.size()), ids.back(), network, {1}, {1, 1});
  };
  // Whether a list is under way.
  const auto stands = [&](size_t number) {
    std::vector<KeyId> list;
    const protocol::MapAllow part{{1}, 0, 96, std::vector<KeyId>(48)};
    return lists.Take(ids[number], part, &list) == PartialAllow::Verdict::kTaken;
  };
  for (const Network network : {7, 9, 9, 9, 7}) begin(network);
  EXPECT_EQ(lists.size(), 4u);
  EXPECT_FALSE(stands(1));
  EXPECT_TRUE(stands(0) && stands(2) && stands(3) && stands(4));
  // Two have as many: the oldest of all goes.
  begin(3);
  EXPECT_FALSE(stands(0));
  lists.Expire(Instant(13s));
  EXPECT_EQ(lists.size(), 3u);
  lists.Expire(Instant(100s));
  EXPECT_EQ(lists.size(), 0u);
}

// Who knows which networks share a bucket rents an address in one that shares his victim's. So nobody knows: it is
// another set of networks for each map.
TEST(MapMessages, WhichNetworksShareABucketDiffersFromMapToMap) {
  const auto companions = [](const char* victim) {
    NetworkBudget budget({1, 1});
    const Instant now(1000s);
    EXPECT_TRUE(budget.Take(now, NetworkOf(Ip(victim))));
    std::vector<Network> found;
    for (uint32_t i = 0; i < 1'000'000; ++i) {
      const Network network = NetworkOf(
          wire::IpAddress::V4({static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8),
                               static_cast<uint8_t>(i), 1}));
      if (!budget.Has(now, network)) found.push_back(network);
    }
    return found;
  };
  const std::vector<Network> here = companions("192.0.2.1");
  ASSERT_GE(here.size(), 2u);
  EXPECT_NE(companions("192.0.2.1"), here);
}

TEST(MapMessages, OfOneNetworkAreBoundedHoweverManyKeysItHas) {
  protocol::Identity identity({.secret_key = wire::SecretKey::Generate()});
  ClientTable clients(identity, 100, 3600s);
  const auto add = [&](const char* from) {
    const Id client = clients.Make(wire::SecretKey::Generate().Public(), NetworkOf(Ip(from)));
    clients.Touch(client);
    return client;
  };
  std::vector<Id> many;
  for (int i = 0; i < 30; ++i) many.push_back(add("203.0.113.7"));
  const Id other = add("192.0.2.1");
  const Instant now(1000s);
  uint32_t taken = 0;
  for (const Id client : many) {
    for (uint32_t i = 0; i < 2 * kMessageBurst; ++i) taken += clients.TakeMessage(now, client);
  }
  EXPECT_EQ(taken, kMessagesOfNetwork.most / kMessagesOfNetwork.interval);
  EXPECT_LT(taken, 30 * kMessageBurst);
  EXPECT_TRUE(clients.TakeMessage(now, other));
}

}  // namespace
}  // namespace warp::map
