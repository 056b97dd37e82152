// Stories of a node that changes its own key while sessions live: its peers learn of it before or after.
#include <algorithm>
#include <array>

#include "dataplane/wire/handshake/handshake_mac.h"
#include "tests/control/protocol/session/keys/key_story.h"

namespace warp::protocol {
namespace {

class OwnKeyTest : public KeyStory {
 protected:
  // What node n has for its peer.
  wire::PublicKey SessionOwn(int n) { return net_.Peer(n, 1 - n).session_own; }
  wire::PublicKey SessionRemote(int n) { return net_.Peer(n, 1 - n).session_remote; }
  size_t Old(int n) { return net_.node(n).OldKeys().size(); }
  size_t OldOfPeer(int n) { return net_.Peer(n, 1 - n).old_keys.size(); }
  // Both have their newest keys, know each other's, and nothing old is left.
  void ExpectSettled() {
    for (const int n : {0, 1}) {
      EXPECT_EQ(SessionOwn(n), net_.key(n));
      EXPECT_EQ(SessionRemote(n), net_.key(1 - n));
      EXPECT_EQ(Old(n), 0u) << n;
      EXPECT_EQ(OldOfPeer(n), 0u) << n;
    }
  }

  const wire::SecretKey first_ = wire::SecretKey::Generate();
  const wire::SecretKey second_ = wire::SecretKey::Generate();
  const wire::SecretKey third_ = wire::SecretKey::Generate();
};

// The peer knows nothing of it for longer than any session lives.
TEST_F(OwnKeyTest, ThePeerLearnsAfterwards) {
  const wire::PublicKey before = net_.key(0);
  net_.ChangeKey(0, first_);
  ExpectNothingLost(400s);
  EXPECT_EQ(SessionOwn(0), before);
  ASSERT_EQ(Old(0), 1u);
  EXPECT_EQ(net_.node(0).OldKeys()[0].key, before);
  net_.LearnKey(1, 0, first_.Public());
  ExpectNothingLost(5s);
  ExpectSettled();
  ExpectNothingLost(200s);
}

TEST_F(OwnKeyTest, ThePeerLearnsBefore) {
  net_.LearnKey(1, 0, first_.Public());
  ExpectNothingLost(400s);
  EXPECT_EQ(OldOfPeer(1), 1u);
  net_.ChangeKey(0, first_);
  ExpectNothingLost(5s);
  ExpectSettled();
  ExpectNothingLost(200s);
}

// Each changes its own key, and learns the other's: in every order.
TEST_F(OwnKeyTest, BothChangeInAnyOrder) {
  std::array<int, 4> order = {0, 1, 2, 3};
  do {
    const std::array<wire::SecretKey, 2> keys = {wire::SecretKey::Generate(),
                                                 wire::SecretKey::Generate()};
    for (const int event : order) {
      const int n = event / 2;
      if (event % 2 == 0) {
        net_.ChangeKey(n, keys[static_cast<size_t>(n)]);
      } else {
        net_.LearnKey(n, 1 - n, keys[static_cast<size_t>(1 - n)].Public());
      }
      ExpectNothingLost(7s);
    }
    ExpectNothingLost(7s);
    ExpectSettled();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(OwnKeyTest, EitherEndMayBeginMeanwhile) {
  for (const int initiator : {0, 1}) {
    OnlyInitiator(initiator);
    const wire::SecretKey key = wire::SecretKey::Generate();
    net_.ChangeKey(0, key);
    ExpectNothingLost(300s);
    net_.LearnKey(1, 0, key.Public());
    ExpectNothingLost(300s);
    ExpectSettled();
  }
}

// By the key that it knows, and as soon as by the newest one.
TEST_F(OwnKeyTest, APeerThatKnowsTheOldOneComesBack) {
  net_.ChangeKey(0, first_);
  net_.Run(10s);
  for (const int initiator : {0, 1}) {
    OnlyInitiator(initiator);
    net_.Restart(1);
    EXPECT_TRUE(net_.RunUntil([this] { return Connected(); }, 5s)) << initiator;
    EXPECT_NE(SessionOwn(0), first_.Public());
  }
}

// Cookies are from the key that they were asked of.
TEST_F(OwnKeyTest, AFloodKeepsNobodyOutWhoKnowsTheOldOne) {
  net_.ChangeKey(0, first_);
  net_.Run(10s);
  OnlyInitiator(1);
  net_.Restart(1);
  for (int i = 0; i < 100 && !Connected(); ++i) {
    FloodWithInitiations(net_, 0, 300);
    net_.Run(50ms);
  }
  EXPECT_GT(net_.Drops(0, wire::Drop::kBadCookie), 0u);
  EXPECT_TRUE(Connected());
  EXPECT_NE(SessionOwn(0), first_.Public());
}

TEST_F(OwnKeyTest, ItChangesTwiceBeforeThePeerFollows) {
  net_.ChangeKey(0, first_);
  ExpectNothingLost(10s);
  net_.ChangeKey(0, second_);
  ExpectNothingLost(400s);
  EXPECT_EQ(Old(0), 2u);
  net_.LearnKey(1, 0, second_.Public());
  ExpectNothingLost(200s);
  ExpectSettled();
}

// However often it changes, what is kept of old ones has a bound.
TEST_F(OwnKeyTest, OldKeysHaveABound) {
  for (int i = 0; i < 20; ++i) net_.ChangeKey(0, wire::SecretKey::Generate());
  EXPECT_EQ(Old(0), wire::kMaxOldKeys);
  for (int i = 0; i < 20; ++i) net_.LearnKey(1, 0, wire::SecretKey::Generate().Public());
  EXPECT_EQ(OldOfPeer(1), wire::kMaxOldKeys);
}

// The peer never learns. Afterwards nothing brings the old one back, be it a recording.
TEST_F(OwnKeyTest, TheOldOneEndsInTime) {
  net_.node(0).SetOldKeysFor(net_.now(), 600s);
  OnlyInitiator(1);
  net_.Record(true);
  net_.ChangeKey(0, first_);
  ASSERT_EQ(Old(0), 1u);
  EXPECT_EQ(net_.node(0).OldKeys()[0].ends, net_.now() + 600s);
  ExpectNothingLost(590s);
  net_.Record(false);
  EXPECT_TRUE(net_.RunUntil([this] { return Old(0) == 0; }, 11s));
  EXPECT_EQ(net_.node(0).identity().own().entries().size(), 1u) << "its secret is wiped";
  EXPECT_TRUE(net_.RunUntil([this] { return !Connected(); }, 200s)) << "no session is made anew";
  EXPECT_FALSE(net_.RunUntil([this] { return Connected(); }, 300s));
  net_.Kill(1);
  const uint64_t sent = net_.Sent(0), bad = net_.Drops(0, wire::Drop::kBadMac);
  uint64_t replayed = 0;
  for (const Seen& seen : net_.TakeSeen()) {
    if (seen.type() != 2 || seen.from_node != 1) continue;
    ++replayed;
    net_.Inject(0, 0, seen.from, seen.datagram);
  }
  EXPECT_GT(replayed, 0u);
  EXPECT_EQ(net_.Drops(0, wire::Drop::kBadMac), bad + replayed);
  EXPECT_EQ(net_.Sent(0), sent);
}

// A peer that is not heard any more keeps the old one alive until its time is over; the others do not need it.
TEST_F(OwnKeyTest, TheOldOneEndsWhenAllPeersKnowTheNewest) {
  net_.ChangeKey(0, first_);
  net_.LearnKey(1, 0, first_.Public());
  net_.Run(3s);
  EXPECT_EQ(Old(0), 0u);
}

TEST_F(OwnKeyTest, TheOldOneEndsAtOnceWhereTheFileSaysSo) {
  const wire::PublicKey before = net_.key(0);
  net_.ChangeKey(0, first_);
  net_.Run(10s);
  EXPECT_EQ(Old(0), 1u);
  net_.node(0).SetOldKeysFor(net_.now(), 0s);
  EXPECT_EQ(Old(0), 0u);
  EXPECT_EQ(net_.node(0).identity().FindOwn(before), nullptr);
  EXPECT_TRUE(net_.RunUntil([this] { return !Connected(); }, 200s));
}

// Who lists another key for a peer may distrust the one of before: its sessions end with it.
TEST_F(OwnKeyTest, ThePeersSessionEndsWithItsOldKey) {
  net_.node(1).SetOldKeysFor(net_.now(), 60s);
  net_.LearnKey(1, 0, first_.Public());
  ExpectNothingLost(55s);
  net_.Run(10s);
  EXPECT_FALSE(net_.Connected(1, 0));
  EXPECT_EQ(net_.Peer(1, 0).session, nullptr);
  EXPECT_EQ(OldOfPeer(1), 0u);
  EXPECT_GT(net_.Drops(1, wire::Drop::kUnknownPeer), 0u);
  net_.ChangeKey(0, first_);
  EXPECT_TRUE(net_.RunUntil([this] { return Connected(); }, 10s));
}

// Whoever has the old key of a peer, and was heard after the peer, is sent nothing any more.
TEST_F(OwnKeyTest, NothingIsSentToAnOldKeyWhenTheNewestHasServed) {
  Identity identity({.secret_key = wire::SecretKey::Generate()});
  SessionTable table;
  Association owner(identity, table, {.remote = first_.Public()});
  SessionSet set(identity, table);
  std::vector<wire::Session*> sessions;
  for (const bool outdated : {false, true}) {
    auto session = std::make_shared<wire::Session>(
        wire::Session::Params{.local_index = *table.Reserve(&owner), .window = 64},
        wire::SymmetricKey(), wire::SymmetricKey());
    sessions.push_back(session.get());
    set.Add({.session = std::move(session), .outdated = outdated});
  }
  set.Confirm(sessions[1]);
  EXPECT_EQ(set.send_session().get(), sessions[1]) << "nobody else was heard";
  set.Confirm(sessions[0]);
  EXPECT_EQ(set.send_session().get(), sessions[0]);
}

// A thief who was answered just before the peer showed its new key confirms that afterwards.
TEST_F(OwnKeyTest, WhatNobodyHasConfirmedEndsWithTheOldKey) {
  net_.LearnKey(1, 0, first_.Public());
  net_.Run(5s);
  ASSERT_EQ(OldOfPeer(1), 1u);
  // Node 1 answers an initiation by the old key, and hears no more of that session.
  net_.Filter([](const Seen& seen) { return seen.from_node == 1 || seen.type() == 2; });
  net_.Restart(0);
  net_.Run(2s);
  EXPECT_GT(net_.node(1).GetForwarding().peers.at(0).receive.size(), 1u);
  net_.Filter({});
  net_.ChangeKey(0, first_);
  EXPECT_TRUE(net_.RunUntil([this] { return SessionRemote(1) == first_.Public(); }, 10s));
  const Association& association =
      *net_.node(1).sessions().Find(net_.Peer(1, 0).session->local_index());
  EXPECT_FALSE(association.keys().remotes().has_old());
  for (const auto& session : association.receive_sessions())
    EXPECT_FALSE(association.AwaitsConfirm(session->local_index()));
}

// --- Back. ---

TEST_F(OwnKeyTest, WhatIsTakenBackUnusedEndsAtOnce) {
  net_.ChangeKey(0, third_);
  net_.LearnKey(1, 0, third_.Public());
  net_.Run(5s);
  ExpectSettled();
  net_.ChangeKey(0, first_);
  ExpectNothingLost(30s);
  net_.ChangeKey(0, third_, Replaced::kMistaken);
  EXPECT_EQ(net_.node(0).public_key(), third_.Public());
  EXPECT_EQ(Old(0), 0u);
  ExpectNothingLost(300s);
  ExpectSettled();
}

// The peer had learnt it, and does not take that back at once.
TEST_F(OwnKeyTest, ItIsTakenBackAfterThePeerHasFollowed) {
  const wire::SecretKey before = wire::SecretKey::Generate();
  net_.ChangeKey(0, before);
  net_.LearnKey(1, 0, before.Public());
  net_.Run(5s);
  net_.ChangeKey(0, first_);
  net_.LearnKey(1, 0, first_.Public());
  ExpectNothingLost(10s);
  ExpectSettled();
  net_.ChangeKey(0, before, Replaced::kMistaken);
  ExpectNothingLost(400s);
  EXPECT_EQ(Old(0), 1u);
  net_.LearnKey(1, 0, before.Public(), Replaced::kMistaken);
  ExpectNothingLost(200s);
  ExpectSettled();
}

// Nobody could confirm the reload, since the link was gone: for longer than sessions live.
TEST_F(OwnKeyTest, ItIsTakenBackWhileNobodyIsHeard) {
  for (const int back : {0, 1}) {
    const wire::SecretKey before = wire::SecretKey::Generate(), next = wire::SecretKey::Generate();
    for (const wire::SecretKey* const key : {&before, &next}) {
      net_.ChangeKey(0, *key);
      net_.LearnKey(1, 0, key->Public());
      ExpectNothingLost(10s);
      ExpectSettled();
    }
    net_.Filter([](const Seen&) { return false; });
    net_.Run(400s);
    EXPECT_EQ(net_.Peer(1, 0).session, nullptr);
    if (back == 0) {
      net_.ChangeKey(0, before, Replaced::kMistaken);
    } else {
      net_.LearnKey(1, 0, before.Public(), Replaced::kMistaken);
    }
    net_.Filter({});
    EXPECT_TRUE(net_.RunUntil([this] { return Connected(); }, 60s)) << back;
    ExpectNothingLost(200s);
  }
}

// In the middle of two changes: the first one still counts as before.
TEST_F(OwnKeyTest, TheSecondOfTwoChangesIsTakenBack) {
  const wire::PublicKey before = net_.key(0);
  net_.ChangeKey(0, first_);
  const Instant ends = net_.node(0).OldKeys().at(0).ends;
  ExpectNothingLost(10s);
  net_.ChangeKey(0, second_);
  ExpectNothingLost(10s);
  net_.ChangeKey(0, first_, Replaced::kMistaken);
  ASSERT_EQ(Old(0), 1u);
  EXPECT_EQ(net_.node(0).OldKeys()[0].key, before);
  EXPECT_EQ(net_.node(0).OldKeys()[0].ends, ends);
  ExpectNothingLost(300s);
  net_.LearnKey(1, 0, first_.Public());
  ExpectNothingLost(200s);
  ExpectSettled();
}

// A fourth old one has no place, and has it again.
TEST_F(OwnKeyTest, AChangeBeyondTheBoundIsTakenBack) {
  const wire::PublicKey before = net_.key(0);
  for (const wire::SecretKey* const key : {&first_, &second_, &third_}) net_.ChangeKey(0, *key);
  net_.Run(5s);
  const Instant ends = net_.node(0).OldKeys().at(2).ends;
  const auto is_oldest = [&] {
    const std::vector<OldKey> old = net_.node(0).OldKeys();
    return old.size() == wire::kMaxOldKeys && old.back().key == before && old.back().ends == ends;
  };
  EXPECT_TRUE(is_oldest());
  const wire::SecretKey fourth = wire::SecretKey::Generate();
  net_.ChangeKey(0, fourth);
  EXPECT_FALSE(is_oldest());
  ExpectNothingLost(30s);
  net_.ChangeKey(0, third_, Replaced::kMistaken);
  EXPECT_TRUE(is_oldest());
  ExpectNothingLost(300s);
  EXPECT_EQ(SessionOwn(0), before);
  // Once it is certain, the oldest is wiped.
  net_.ChangeKey(0, fourth);
  net_.node(0).SettleKeys(net_.now());
  net_.ChangeKey(0, third_, Replaced::kMistaken);
  EXPECT_FALSE(is_oldest());
  EXPECT_EQ(Old(0), wire::kMaxOldKeys - 1);
}

// The same at the peer, whose map of keys follows.
TEST_F(OwnKeyTest, APeersChangeBeyondTheBoundIsTakenBack) {
  const wire::PublicKey before = net_.key(0);
  for (const wire::SecretKey* const key : {&first_, &second_, &third_})
    net_.LearnKey(1, 0, key->Public());
  net_.Run(5s);
  net_.LearnKey(1, 0, wire::SecretKey::Generate().Public());
  ExpectNothingLost(10s);
  net_.LearnKey(1, 0, third_.Public(), Replaced::kMistaken);
  ASSERT_EQ(OldOfPeer(1), wire::kMaxOldKeys);
  EXPECT_EQ(net_.Peer(1, 0).old_keys.back().key, before);
  ExpectNothingLost(300s);
  net_.Restart(0);
  EXPECT_TRUE(net_.RunUntil([this] { return Connected(); }, 60s));
  EXPECT_EQ(SessionRemote(1), before);
}

// Where somebody else has got it meanwhile, it stays his.
TEST_F(OwnKeyTest, WhatAnotherPeerHasGotDoesNotComeBack) {
  const wire::PublicKey before = net_.key(0);
  for (int i = 0; i < 4; ++i) net_.LearnKey(1, 0, wire::SecretKey::Generate().Public());
  const wire::PublicKey third = net_.Peer(1, 0).old_keys.front().key;
  net_.Run(3s);
  ASSERT_TRUE(net_.node(1).AddPeer(net_.now(), {.name = "other", .public_key = before}));
  net_.LearnKey(1, 0, third, Replaced::kMistaken);
  EXPECT_EQ(OldOfPeer(1), wire::kMaxOldKeys - 1);
  EXPECT_EQ(net_.node(1).Peers().at(1).public_key, before);
}

// What the change has made the newest was an old one before, and is that again.
TEST_F(OwnKeyTest, AChangeToAnOldKeyIsTakenBack) {
  const wire::PublicKey before = net_.key(0);
  for (const wire::SecretKey* const key : {&first_, &second_, &third_}) net_.ChangeKey(0, *key);
  const std::vector<OldKey> old = net_.node(0).OldKeys();
  net_.Run(5s);
  net_.ChangeKey(0, second_);
  EXPECT_EQ(Old(0), wire::kMaxOldKeys);
  net_.ChangeKey(0, third_, Replaced::kMistaken);
  const std::vector<OldKey> now = net_.node(0).OldKeys();
  ASSERT_EQ(now.size(), old.size());
  for (size_t i = 0; i < old.size(); ++i) {
    EXPECT_EQ(now[i].key, old[i].key) << i;
    EXPECT_EQ(now[i].ends, old[i].ends) << i;
  }
  ExpectNothingLost(300s);
  EXPECT_EQ(SessionOwn(0), before);
}

// --- Who has which. ---

TEST_F(OwnKeyTest, NoKeyIsTwoNodes) {
  Node& node = net_.node(0);
  EXPECT_FALSE(node.SetPeerKey(net_.now(), 0, net_.key(0)));
  EXPECT_FALSE(node.SetPeerKey(net_.now(), 0, {}));
  const auto other = node.AddPeer(net_.now(), {.name = "other", .public_key = third_.Public()});
  ASSERT_TRUE(other.has_value());
  EXPECT_FALSE(node.SetPeerKey(net_.now(), 0, third_.Public()));
  // What was a peer's before may be another's now, whose it is alone then.
  EXPECT_TRUE(node.SetPeerKey(net_.now(), *other, second_.Public()));
  EXPECT_EQ(node.Peers()[1].old_keys.size(), 1u);
  EXPECT_TRUE(node.SetPeerKey(net_.now(), 0, third_.Public()));
  EXPECT_EQ(node.Peers()[1].old_keys.size(), 0u);
}

// While this node's old key serves, it is nobody else's. A peer's old key that becomes this node's is its alone.
TEST_F(OwnKeyTest, NoOldKeyIsTwoNodes) {
  Node& node = net_.node(0);
  const wire::PublicKey before = net_.key(0);
  net_.ChangeKey(0, first_);
  EXPECT_FALSE(node.SetPeerKey(net_.now(), 0, before));
  EXPECT_FALSE(node.AddPeer(net_.now(), {.name = "other", .public_key = before}));
  node.SetOldKeysFor(net_.now(), 0s);
  node.SetOldKeysFor(net_.now(), 24h);
  const auto other = node.AddPeer(net_.now(), {.name = "other", .public_key = before});
  ASSERT_TRUE(other);
  EXPECT_TRUE(node.SetPeerKey(net_.now(), *other, second_.Public()));
  EXPECT_EQ(node.Peers().at(1).old_keys.size(), 1u);
  net_.ChangeKey(0, wire::SecretKey::Generate());
  net_.ChangeKey(0, third_);
  EXPECT_TRUE(node.SetPeerKey(net_.now(), *other, third_.Public()) == false);
  // The key of the peer's is old from one step to the next, after this node has got it.
  const wire::SecretKey moved = wire::SecretKey::Generate();
  EXPECT_TRUE(node.SetPeerKey(net_.now(), *other, moved.Public()));
  net_.ChangeKey(0, moved);
  EXPECT_TRUE(node.SetPeerKey(net_.now(), *other, wire::SecretKey::Generate().Public()));
  const std::vector<OldKey> old_keys = node.Peers().at(1).old_keys;
  EXPECT_FALSE(old_keys.empty());
  for (const OldKey& old : old_keys) EXPECT_NE(old.key, moved.Public());
  net_.Run(3s);
  EXPECT_EQ(node.public_key(), moved.Public());
}

// A fourth old key has no room until the change is taken back. It is somebody else's by then.
TEST_F(OwnKeyTest, AnOldKeyThatAPeerHasGotDoesNotComeBack) {
  Node& node = net_.node(0);
  const wire::PublicKey before = net_.key(0);
  for (const wire::SecretKey* const key : {&first_, &second_, &third_}) net_.ChangeKey(0, *key);
  net_.ChangeKey(0, wire::SecretKey::Generate());
  EXPECT_EQ(Old(0), 3u);
  ASSERT_TRUE(node.AddPeer(net_.now(), {.name = "other", .public_key = before}));
  net_.ChangeKey(0, third_, Replaced::kMistaken);
  EXPECT_EQ(Old(0), 2u);
  for (const OldKey& old : node.OldKeys()) EXPECT_NE(old.key, before);
  EXPECT_EQ(node.Peers().at(1).public_key, before);
}

TEST_F(OwnKeyTest, WorkersKnowMessagesToAllKeysThatServe) {
  const auto known = [this](const wire::PublicKey& key) {
    std::vector<uint8_t> datagram =
        wire::EncodeInitiation({.sender_index = 7, .noise = std::vector<uint8_t>(160, 1)});
    wire::WriteMacs(wire::Mac1Key(key), nullptr, datagram);
    return wire::VerifyMac1(net_.node(0).GetForwarding().mac1_keys, datagram);
  };
  const wire::PublicKey before = net_.key(0);
  EXPECT_FALSE(known(first_.Public()));
  const uint64_t version = net_.node(0).version();
  net_.ChangeKey(0, first_);
  EXPECT_GT(net_.node(0).version(), version);
  EXPECT_TRUE(known(before));
  EXPECT_TRUE(known(first_.Public()));
  net_.LearnKey(1, 0, first_.Public());
  net_.Run(3s);
  EXPECT_FALSE(known(before));
}

}  // namespace
}  // namespace warp::protocol
