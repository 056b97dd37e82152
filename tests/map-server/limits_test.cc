// What one address, one network and one key may ask of a map, and that nobody uses up what is another's.
#include <gtest/gtest.h>

#include <vector>

#include "control/protocol/handshake/handshake.h"
#include "control/protocol/handshake/source_budget.h"
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

// An initiation that anybody can make who knows the map's public key.
std::vector<uint8_t> Initiation(MapWorld& world) {
  const protocol::Identity stranger({.secret_key = wire::SecretKey::Generate()});
  protocol::CookieJar none(120s);
  const wire::PresharedKey psk;
  const protocol::InitiatorHandshake handshake(
      stranger, {.remote = world.map_key(), .psk = &psk, .role = wire::Role::kMap}, 7, {});
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
