// What the operator of a map does to it: say who may register, look through its nodes, forget one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "control/protocol/handshake/handshake.h"
#include "tests/map-server/map_world.h"

namespace warp::map {
namespace {

using wire::Drop;

class MapOperator : public testing::Test {
 protected:
  void Admit(std::set<wire::PublicKey> keys) {
    world_.map().SetAdmission([keys](const wire::PublicKey& key) { return keys.contains(key); });
  }
  std::vector<wire::PublicKey> Roll(size_t step) {
    std::vector<wire::PublicKey> keys;
    for (RollPlace place; !place.ended();) {
      place =
          world_.map().Walk(place, step, [&](const wire::PublicKey& key) { keys.push_back(key); });
      EXPECT_EQ(RollPlace::Parse(place.ToString()).value_or(place), place);
    }
    return keys;
  }
  // How many datagrams the map has sent to the node since `record` is set.
  long Told(MapNode& node) {
    return std::count_if(world_.seen.begin(), world_.seen.end(), [&](const auto& datagram) {
      return !datagram.to_map && datagram.node == &node;
    });
  }

  MapWorld world_;
};

TEST_F(MapOperator, AKeyThatIsNotAdmittedHearsNothingAndIsCounted) {
  MapNode& alice = world_.AddNode();
  MapNode& mallory = world_.AddNode();
  Admit({alice.key()});
  world_.record = true;
  world_.Run(5s);
  EXPECT_TRUE(alice.registered());
  EXPECT_FALSE(mallory.registered());
  EXPECT_EQ(Told(mallory), 0) << "silence tells nothing";
  EXPECT_GE(world_.map().drops(Drop::kUnknownPeer), 2u);
  EXPECT_EQ(world_.map().counts().refused_keys, world_.map().drops(Drop::kUnknownPeer));
  EXPECT_EQ(world_.map().counts().sessions, 1u);
  EXPECT_EQ(world_.map().counts().newcomers, 0u);
}

// Under load a stranger gets what everybody gets: a cookie. With it, it is silence again.
TEST_F(MapOperator, UnderLoadAStrangerHearsOfCookiesAlone) {
  world_.handshakes = protocol::HandshakeBudget{
      .burst = 4, .per_second = 1, .reply_burst = 100, .replies_per_second = 100};
  world_.StartMap();
  for (int i = 0; i < 8; ++i) world_.AddNode();
  Admit({world_.map_key()});
  world_.record = true;
  world_.Run(20s);
  EXPECT_GT(world_.map().drops(Drop::kBadCookie), 0u);
  EXPECT_GT(world_.map().drops(Drop::kUnknownPeer), 0u);
  for (const auto& datagram : world_.seen) {
    if (datagram.to_map) continue;
    EXPECT_EQ(wire::ClassifyDatagram(datagram.bytes), wire::MessageType::kCookieReply);
  }
}

TEST_F(MapOperator, WhoIsAdmittedNoLongerLosesAllAndTheOthersNothing) {
  MapNode& alice = world_.AddNode(2);
  MapNode& bob = world_.AddNode();
  MapNode& mallory = world_.AddNode(2);
  world_.MakeFriends(alice, bob);
  mallory.SetPeers(world_.now, {alice.key()});
  world_.RunUntil([&] { return alice.registered() && bob.registered() && mallory.registered(); },
                  3s);
  world_.Run(1s);
  ASSERT_EQ(world_.map().counts().registrations, 5u);

  Admit({alice.key(), bob.key()});
  EXPECT_TRUE(world_.map().purging());
  world_.Run(1ms);
  EXPECT_FALSE(world_.map().purging());
  EXPECT_EQ(world_.map().counts().registrations, 3u);
  EXPECT_EQ(world_.map().counts().sessions, 2u);
  EXPECT_EQ(world_.map().counts().forgotten, 1u);
  EXPECT_FALSE(world_.map().ViewOf(mallory.key()).has_value());

  // The others go on in the sessions that they have: nobody shakes hands, and no refresh is lost.
  world_.record = true;
  world_.Run(30s);
  EXPECT_TRUE(alice.registered());
  EXPECT_EQ(alice.found(bob.key()).size(), 2u);
  EXPECT_EQ(world_.map().counts().sessions, 2u);
  EXPECT_EQ(Told(mallory), 0);
  for (const auto& datagram : world_.seen) {
    if (datagram.node == &mallory) continue;
    EXPECT_EQ(wire::ClassifyDatagram(datagram.bytes), wire::MessageType::kSealed);
  }

  // It comes back when it may.
  world_.map().SetAdmission(nullptr);
  world_.RunUntil([&] { return mallory.registered(); }, protocol::kMapGreetingMax + 2s);
  EXPECT_EQ(world_.map().counts().sessions, 3u);
}

// What a node says in the moment before the map comes to it is dropped, too.
TEST_F(MapOperator, ASessionThatIsToEndTakesNothingMore) {
  MapNode& mallory = world_.AddNode();
  world_.RunUntil([&] { return mallory.registered(); }, 3s);
  const Instant refreshed = world_.map().ViewOf(mallory.key())->registrations.at(0).expires;
  std::vector<uint8_t> refresh;
  world_.lost = [&](const MapWorld::Datagram& datagram) {
    if (datagram.to_map && refresh.empty()) refresh = datagram.bytes;
    return true;
  };
  world_.RunUntil([&] { return !refresh.empty(); }, 20s);
  Admit({});
  const uint64_t before = world_.map().drops(Drop::kUnknownPeer);
  world_.map().HandleDatagram(world_.now, {3, world_.OuterOf(mallory), Ip("198.51.100.1")},
                              refresh);
  EXPECT_EQ(world_.map().drops(Drop::kUnknownPeer), before + 1);
  EXPECT_EQ(world_.map().ViewOf(mallory.key())->registrations.at(0).expires, refreshed);
}

TEST_F(MapOperator, AForgottenNodeComesBackAtOnce) {
  MapNode& alice = world_.AddNode(2);
  MapNode& bob = world_.AddNode();
  world_.MakeFriends(alice, bob);
  world_.RunUntil([&] { return alice.found(bob.key()).size() == 2; }, 3s);
  world_.Run(1s);
  const auto forgotten = world_.map().Forget(world_.now, alice.key());
  ASSERT_TRUE(forgotten.has_value());
  EXPECT_EQ(forgotten->registrations, 2u);
  EXPECT_EQ(forgotten->sessions, 1u);
  EXPECT_FALSE(world_.map().ViewOf(alice.key()).has_value());
  EXPECT_EQ(world_.map().counts().registrations, 1u);
  EXPECT_FALSE(world_.map().Forget(world_.now, alice.key()).has_value());

  world_.RunUntil([&] { return world_.map().counts().registrations == 3; }, 1s);
  EXPECT_EQ(world_.map().ViewOf(alice.key())->allowed, 1u);
  EXPECT_EQ(world_.map().counts().sessions, 2u);
}

TEST_F(MapOperator, TheRollHasEveryNodeOnceWhateverTheStep) {
  std::set<wire::PublicKey> keys;
  for (int i = 0; i < 40; ++i) keys.insert(world_.AddNode(i % 3 + 1).key());
  world_.Run(3s);
  // One that has registered without a session, and one that has a session alone.
  const wire::PublicKey lonely = *keys.begin();
  world_.store().Forget(KeyId::Of(lonely));
  for (const size_t step : {1, 2, 7, 1000}) {
    std::vector<wire::PublicKey> roll = Roll(step);
    EXPECT_EQ(roll.size(), keys.size()) << step;
    EXPECT_EQ(std::set<wire::PublicKey>(roll.begin(), roll.end()), keys) << step;
  }
  EXPECT_TRUE(world_.map().ViewOf(lonely)->client.has_value());
  EXPECT_TRUE(world_.map().ViewOf(lonely)->registrations.empty());
}

TEST_F(MapOperator, NoPlaceButItsOwnIsTaken) {
  for (const char* text : {"", "r", "c", "x1", "r-1", "r 1", "r1x", "r99999999999", "1"})
    EXPECT_EQ(RollPlace::Parse(text), std::nullopt) << text;
  // One that is far beyond the end is the end.
  RollPlace place = *RollPlace::Parse("c4294967294");
  place = world_.map().Walk(place, 1000, [](const wire::PublicKey&) { FAIL(); });
  EXPECT_TRUE(place.ended());
}

TEST_F(MapOperator, SessionsAreCountedByState) {
  MapNode& alice = world_.AddNode();
  world_.RunUntil([&] { return alice.registered(); }, 3s);
  EXPECT_EQ(world_.map().counts().confirmed, 1u);
  EXPECT_EQ(world_.map().counts().unconfirmed, 0u);
  // One that never uses what it was answered.
  world_.lost = [&](const MapWorld::Datagram& datagram) {
    return datagram.node != &alice && !datagram.to_map;
  };
  MapNode& deaf = world_.AddNode();
  world_.Run(1s);
  EXPECT_GE(world_.map().counts().unconfirmed, 1u);
  EXPECT_EQ(world_.map().counts().newcomers, 1u);
  world_.Silence(deaf);
  world_.Run(300s);
  EXPECT_EQ(world_.map().counts().unconfirmed, 0u);
  EXPECT_GE(world_.map().counts().expired, 1u);
  // A second handshake retires the first one's session.
  world_.lost = nullptr;
  world_.Run(3700s);
  EXPECT_EQ(world_.map().counts().confirmed, 1u);
  EXPECT_EQ(world_.map().counts().unconfirmed + world_.map().counts().confirmed +
                world_.map().counts().retired,
            world_.map().ViewOf(alice.key())->client->sessions.size());
}

TEST_F(MapOperator, LookUpsAreCountedByTheirAnswer) {
  MapNode& alice = world_.AddNode();
  MapNode& bob = world_.AddNode();
  MapNode& carol = world_.AddNode();
  world_.MakeFriends(alice, bob);
  carol.SetPeers(world_.now, {alice.key(), wire::SecretKey::Generate().Public()});
  world_.Run(10s);
  const Registry::Answers answers = world_.map().counts().answers;
  EXPECT_GE(answers.not_allowed, 1u);
  EXPECT_GE(answers.unknown, 1u);
  EXPECT_EQ(answers.found + answers.unknown + answers.not_allowed, world_.map().counts().lookups);
}

TEST_F(MapOperator, RefusalsAreCountedByTheLimitTheyMet) {
  world_.limits.registrations = 2;
  world_.limits.ports_per_key = 1;
  world_.StartMap();
  world_.AddNode(3);
  world_.AddNode(1);
  world_.Run(2s);
  EXPECT_GE(world_.map().counts().refused.ports, 1u);
  EXPECT_EQ(world_.map().counts().refused.registrations, 0u);
  world_.AddNode(1);
  world_.Run(2s);
  EXPECT_GE(world_.map().counts().refused.registrations, 1u);
  EXPECT_EQ(world_.map().drops(Drop::kMapFull),
            world_.map().counts().refused.ports + world_.map().counts().refused.registrations);
}

TEST_F(MapOperator, AnotherLifetimeHoldsFromTheNextRefreshOnAndNobodyIsLost) {
  MapNode& alice = world_.AddNode();
  world_.RunUntil([&] { return alice.registered(); }, 3s);
  world_.map().SetLifetime(6s);
  world_.RunUntil(
      [&] {
        return world_.map().ViewOf(alice.key())->registrations.at(0).expires <= world_.now + 6500ms;
      },
      15s);
  for (int i = 0; i < 30; ++i) {
    world_.Run(1s);
    EXPECT_TRUE(alice.registered());
    EXPECT_EQ(world_.map().counts().registrations, 1u) << i;
  }
}

}  // namespace
}  // namespace warp::map
