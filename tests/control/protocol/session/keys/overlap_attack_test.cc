// Attacks on the time in which keys overlap: clocks that jump, changes that cross, keys that come back, and maps that
// lie about which is the newest.
#include <array>
#include <memory>

#include "control/protocol/control_message.h"
#include "tests/control/protocol/session/keys/thief.h"

namespace warp::protocol {
namespace {

using OverlapAttackTest = ThiefStory;

wire::PresharedKey Psk(uint8_t byte) {
  std::array<uint8_t, wire::kKeySize> bytes;
  bytes.fill(byte);
  return wire::PresharedKey(bytes);
}

// --- Clocks. ---

// Nothing of keys is told by the wall clock.
TEST_F(OverlapAttackTest, TheWallClockJumps) {
  net_.LearnKey(1, 0, next_.Public());
  const Instant ends = net_.Peer(1, 0).old_keys.at(0).ends;
  for (const uint64_t wall : {uint64_t{0}, uint64_t{4'000'000'000'000'000'000}, uint64_t{1}}) {
    for (const int n : {0, 1}) net_.SetClock(n, wall);
    ExpectNothingLost(150s);
    EXPECT_EQ(net_.Peer(1, 0).old_keys.at(0).ends, ends);
  }
  net_.ChangeKey(0, next_);
  ExpectNothingLost(10s);
  EXPECT_TRUE(HasShown(next_));
}

// Node 1 slept for a week, and what comes first is the thief.
TEST_F(OverlapAttackTest, WhatSleptTooLongServesNobodyWhenItWakes) {
  const wire::SecretKey own = wire::SecretKey::Generate();
  Identity thief({.secret_key = stolen_.Clone(), .wall_clock = [] { return uint64_t{1}; }});
  CookieJar jar(thief.timers().cookie_lifetime);
  const Arrival from{.port = 0, .from = {wire::IpAddress::V4({192, 0, 2, 66}), 4000}};
  const auto initiate = [&](const wire::PublicKey& to, Instant now) {
    const InitiatorHandshake handshake(thief, {.remote = to}, 7, {});
    net_.node(1).HandleHandshake(now, from, handshake.Copy(now, from.route(), jar));
    bool answered = false;
    while (const auto transmit = net_.node(1).NextTransmit())
      answered |= transmit->datagram[0] != static_cast<uint8_t>(wire::MessageType::kInitiation);
    return answered;
  };
  const wire::PublicKey old = net_.key(1);
  const Duration week = 7 * 24h;
  // By an old key of the peer's, while this node has one alone; then by the peer's present key, for an old one of this
  // node's.
  net_.LearnKey(1, 0, next_.Public());
  net_.Run(2s);
  EXPECT_TRUE(initiate(old, net_.now()));
  EXPECT_FALSE(initiate(old, net_.now() + week));
  net_.LearnKey(1, 0, stolen_.Public());
  net_.ChangeKey(1, own);
  net_.Run(2s);
  EXPECT_TRUE(initiate(old, net_.now()));
  EXPECT_FALSE(initiate(old, net_.now() + week));
}

// --- Both at once. ---

// Each end changes its key, its file's key of the other and the preshared one in the same moment, however long the way
// is, and back to the first ones at the end.
TEST_F(OverlapAttackTest, BothEndsChangeEverythingAtTheSameMoment) {
  uint8_t psk = 1;
  for (const Duration delay : {0ms, 40ms, 300ms, 900ms}) {
    for (const int from : {0, 1}) {
      for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, delay);
    }
    ExpectNothingLost(5s);
    const std::array<wire::SecretKey, 2> keys = {wire::SecretKey::Generate(),
                                                 wire::SecretKey::Generate()};
    ++psk;
    for (const int n : {0, 1}) {
      net_.ChangeKey(n, keys[static_cast<size_t>(n)]);
      net_.LearnKey(n, 1 - n, keys[static_cast<size_t>(1 - n)].Public());
      net_.node(n).SetPeerPsk(net_.now(), 0, Psk(psk));
    }
    ExpectNothingLost(15s);
    for (const int n : {0, 1}) {
      const PeerStatus peer = net_.Peer(n, 1 - n);
      EXPECT_EQ(peer.session_own, keys[static_cast<size_t>(n)].Public()) << delay / 1ms;
      EXPECT_EQ(peer.session_remote, keys[static_cast<size_t>(1 - n)].Public());
      EXPECT_TRUE(peer.old_keys.empty());
      EXPECT_EQ(peer.old_psk_ends, kNever);
      EXPECT_TRUE(net_.node(n).OldKeys().empty());
    }
  }
  ExpectNothingLost(200s);
}

// They change again before the first change is known, again and again.
TEST_F(OverlapAttackTest, ChangesOvertakeEachOther) {
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 400ms);
  }
  ExpectNothingLost(5s);
  for (int i = 0; i < 12; ++i) {
    const wire::SecretKey key = wire::SecretKey::Generate();
    net_.ChangeKey(i % 2, key);
    net_.LearnKey(1 - i % 2, i % 2, key.Public());
    ExpectNothingLost(300ms);
  }
  ExpectNothingLost(60s);
  EXPECT_TRUE(net_.Peer(0, 1).old_keys.empty());
  EXPECT_TRUE(net_.Peer(1, 0).old_keys.empty());
  for (const int n : {0, 1}) EXPECT_EQ(net_.Peer(n, 1 - n).session_own, net_.key(n));
}

// The preshared and the public key are in one reload, at one end long before the other. The thief has both old ones.
TEST_F(OverlapAttackTest, PublicAndPresharedKeyChangeInOneReload) {
  net_.LearnKey(1, 0, next_.Public());
  net_.node(1).SetPeerPsk(net_.now(), 0, Psk(2));
  ExpectNothingLost(300s);
  Thief thief(net_, stolen_);
  thief.Steal();
  thief.Say(Confirm{});
  net_.Run(5s);
  net_.ChangeKey(0, next_);
  net_.node(0).SetPeerPsk(net_.now(), 0, Psk(2));
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  net_.Run(1s);
  EXPECT_EQ(net_.Peer(1, 0).old_psk_ends, kNever);
  EXPECT_TRUE(net_.Peer(1, 0).old_keys.empty());
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(thief.Shake());
    net_.Run(100ms);
  }
  net_.Run(30s);
  net_.TakeReceived(1);
  thief.Pay("stolen");
  net_.Run(1s);
  EXPECT_TRUE(net_.TakeReceived(1).empty());
}

// Whoever has the newest preshared key and an old public one of the peer ends no preshared key that the peer needs.
TEST_F(OverlapAttackTest, AnOldKeyEndsNoPresharedOne) {
  net_.node(1).SetPeerPsk(net_.now(), 0, Psk(2));
  net_.LearnKey(1, 0, next_.Public());
  net_.Run(5s);
  ASSERT_NE(net_.Peer(1, 0).old_psk_ends, kNever);
  Thief thief(net_, stolen_, 2);
  thief.Steal();
  thief.Say(Confirm{});
  net_.Run(5s);
  EXPECT_NE(net_.Peer(1, 0).old_psk_ends, kNever);
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 60s)) << "by the old preshared key";
}

// --- A key that comes back. ---

// From A to B and back to A. Who has stolen B, and who has recorded the first reign of A, gets nothing of the second.
TEST_F(OverlapAttackTest, AKeyComesBack) {
  net_.Record(true);
  net_.Restart(0);  // handshakes of the first reign
  net_.Run(5s);
  const std::vector<Seen> recorded = net_.TakeSeen();
  net_.Record(false);
  for (const bool peer_first : {false, true}) {
    for (const wire::SecretKey* const key : {&next_, &stolen_}) {
      if (peer_first) net_.LearnKey(1, 0, key->Public());
      net_.ChangeKey(0, *key);
      ExpectNothingLost(3s);
      if (!peer_first) net_.LearnKey(1, 0, key->Public());
      ExpectNothingLost(3s);
      EXPECT_TRUE(HasShown(*key));
    }
    EXPECT_TRUE(net_.node(0).OldKeys().empty());
    EXPECT_TRUE(net_.Peer(1, 0).old_keys.empty());
    Thief thief(net_, next_);
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(thief.Shake());
    const auto session = net_.Peer(1, 0).session;
    for (const Seen& seen : recorded) {
      if (seen.from_node == 0) net_.Inject(1, 0, seen.from, seen.datagram);
    }
    ExpectNothingLost(5s);
    EXPECT_EQ(net_.Peer(1, 0).session, session);
  }
}

// Node 0 has gone on to B, and back to A without a word: node 1 has B as the newest, then A again.
TEST_F(OverlapAttackTest, TheThiefOfTheMiddleKey) {
  net_.LearnKey(1, 0, next_.Public());
  net_.Run(5s);
  net_.LearnKey(1, 0, stolen_.Public());
  Thief thief(net_, next_);
  thief.Steal();
  thief.Say(Confirm{});
  net_.Run(2s);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(stolen_); }, 60s));
  net_.Run(30s);
  net_.TakeReceived(1);
  thief.Pay("stolen");
  net_.Run(1s);
  EXPECT_TRUE(net_.TakeReceived(1).empty());
  EXPECT_TRUE(net_.Peer(1, 0).old_keys.empty());
  ExpectNothingLost(200s);
}

// --- A map that lies. ---

// It gives the thief's addresses for the newest key, and makes up others for the old one: as many as it may. The true
// node is found all the same, and where it is not what the map says does not outlive its key.
TEST_F(OverlapAttackTest, AMapLiesAboutTheNewestKey) {
  Node& node = net_.node(1);
  auto owned = std::make_unique<LyingMap>(node.identity(), node.sessions());
  LyingMap& map = *owned;
  node.AddMap(net_.now(), std::move(owned));
  const auto lies = [](uint8_t net) {
    std::vector<wire::Endpoint> endpoints;
    for (uint8_t i = 1; i <= 40; ++i)
      endpoints.push_back({wire::IpAddress::V4({10, net, 0, i}), 13116});
    return endpoints;
  };
  net_.LearnKey(1, 0, next_.Public());
  const auto lie = [&] {
    map.found = {{next_.Public(), lies(88)},
                 {stolen_.Public(), lies(99)},
                 {last_.Public(), lies(101)}};  // is nobody's yet
  };
  lie();
  ExpectNothingLost(30s);
  EXPECT_TRUE(net_.HasPath(1, 0, {wire::IpAddress::V4({10, 99, 0, 1}), 13116}));
  EXPECT_FALSE(net_.HasPath(1, 0, {wire::IpAddress::V4({10, 101, 0, 1}), 13116}));
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  lie();  // also of a key that has ended in this moment
  ExpectNothingLost(5s);
  EXPECT_FALSE(net_.HasPath(1, 0, {wire::IpAddress::V4({10, 99, 0, 1}), 13116}));
  lie();
  ExpectNothingLost(60s);
  EXPECT_FALSE(net_.HasPath(1, 0, {wire::IpAddress::V4({10, 99, 0, 1}), 13116}));
}

}  // namespace
}  // namespace warp::protocol
