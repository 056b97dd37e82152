// Stories of somebody who has stolen a key that is being replaced: what it is worth to him while it serves, and after.
#include "tests/control/protocol/session/keys/thief.h"

#include <memory>

#include "control/protocol/control_message.h"

namespace warp::protocol {
namespace {

using ThiefTest = ThiefStory;

// He uses up all that node 1 has for handshakes of this peer, and takes each token first.
TEST_F(ThiefTest, HeDoesNotKeepTheNewKeyOut) {
  net_.LearnKey(1, 0, next_.Public());
  OnlyInitiator(0);
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 50ms);
  }
  Thief thief(net_, stolen_);
  size_t shaken = 0;
  const auto shake = [&](Duration duration) {
    for (Duration t{0}; t < duration && !HasShown(next_); t += 2ms) {
      shaken += thief.Shake();
      net_.Run(2ms);
    }
  };
  shake(10s);
  EXPECT_GT(shaken, 50u);
  net_.ChangeKey(0, next_);
  const Instant changed = net_.now();
  shake(60s);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(net_.now() - changed, 5s) << (net_.now() - changed) / 1ms;
}

// Made after the session by which node 0 shows its new key, and confirmed before that.
TEST_F(ThiefTest, HisSessionEndsSoonAfterTheNewKeyHasServed) {
  net_.LearnKey(1, 0, next_.Public());
  Thief thief(net_, stolen_);
  thief.Steal();
  thief.Say(Confirm{});
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  net_.Run(30s);
  net_.TakeReceived(1);
  thief.Pay("stolen");
  net_.Run(1s);
  EXPECT_TRUE(net_.TakeReceived(1).empty());
}

// What he has begun and not confirmed by then he cannot confirm any more.
TEST_F(ThiefTest, HisUnconfirmedSessionEndsWhenTheNewKeyHasServed) {
  net_.LearnKey(1, 0, next_.Public());
  Thief thief(net_, stolen_);
  thief.Steal();
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  net_.TakeReceived(1);
  thief.Pay("stolen");
  net_.Run(1s);
  EXPECT_TRUE(net_.TakeReceived(1).empty());
}

TEST_F(ThiefTest, HisCloseEndsNoSessionOfTheNewKey) {
  net_.LearnKey(1, 0, next_.Public());
  OnlyInitiator(0);
  // Node 1 has answered node 0, and does not hear the confirm for a moment.
  bool deaf = true;
  net_.Filter([&](const Seen& seen) {
    return seen.type() == 2 ? seen.from_node == 0 : !(deaf && seen.from_node == 0);
  });
  Thief thief(net_, stolen_);
  net_.ChangeKey(0, next_);
  net_.Run(500ms);
  thief.Steal();
  thief.Say(Confirm{});
  deaf = false;
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  const auto session = net_.Peer(1, 0).session;
  thief.Say(Close{});
  net_.Run(1s);
  EXPECT_EQ(net_.Peer(1, 0).session, session);
  EXPECT_TRUE(Connected());
}

// Node 1 is one change ahead of node 0.
TEST_F(ThiefTest, AKeyEndsAsSoonAsALaterOneHasServed) {
  net_.LearnKey(1, 0, next_.Public());
  net_.LearnKey(1, 0, last_.Public());
  ASSERT_EQ(net_.Peer(1, 0).old_keys.size(), 2u);
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  const std::vector<OldKey> old = net_.Peer(1, 0).old_keys;
  ASSERT_EQ(old.size(), 1u) << "the stolen one serves nobody any more";
  EXPECT_EQ(old[0].key, next_.Public());
  ExpectNothingLost(200s);
  net_.ChangeKey(0, last_);
  ExpectNothingLost(10s);
  EXPECT_TRUE(HasShown(last_));
}

// Node 1 has asked by the stolen key, when node 0 shows a later one. He answers that only now.
TEST_F(ThiefTest, HeDoesNotAnswerWhenALaterKeyHasServed) {
  std::vector<Seen> asked;
  bool begins = false;
  net_.Filter([&](const Seen& seen) {
    if (seen.type() != 2) return true;
    if (seen.from_node == 1) asked.push_back(seen);
    return seen.from_node == 0 && begins;
  });
  net_.LearnKey(1, 0, next_.Public());
  net_.LearnKey(1, 0, last_.Public());
  net_.Run(3s);
  begins = true;
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  Thief thief(net_, stolen_);
  size_t answered = 0;
  for (const Seen& seen : asked) answered += thief.Answer(seen);
  EXPECT_GT(answered, 0u);
  net_.Run(1s);
  EXPECT_TRUE(HasShown(next_));
  net_.TakeReceived(1);
  thief.Pay("stolen");
  net_.Run(1s);
  EXPECT_TRUE(net_.TakeReceived(1).empty());
}

// He confirms sessions while node 1 asks for the new key, and node 0 cannot begin.
TEST_F(ThiefTest, HeDoesNotStopHandshakesForTheNewKey) {
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 150ms);
  }
  OnlyInitiator(1);
  net_.ChangeKey(0, next_);
  net_.Run(5s);
  Thief thief(net_, stolen_);
  const auto shake = [&](Duration duration) {
    for (Duration t{0}; t < duration && !HasShown(next_); t += 10ms) {
      if (thief.Shake()) thief.Say(Confirm{});
      net_.Run(10ms);
    }
  };
  shake(10s);
  net_.LearnKey(1, 0, next_.Public());
  const Instant changed = net_.now();
  shake(10s);
  EXPECT_TRUE(HasShown(next_)) << (net_.now() - changed) / 1ms;
}

// Node 1 changes its own key as well, of which he knows and node 0 does not.
TEST_F(ThiefTest, HeDoesNotEndWhatNode0Needs) {
  const wire::SecretKey own = wire::SecretKey::Generate();
  net_.LearnKey(1, 0, next_.Public());
  net_.ChangeKey(1, own);
  net_.Run(5s);
  Thief thief(net_, stolen_);
  thief.Steal();
  thief.Say(Confirm{});
  net_.Run(300s);
  EXPECT_EQ(net_.node(1).OldKeys().size(), 1u);
  EXPECT_TRUE(Connected());
  net_.ChangeKey(0, next_);
  net_.LearnKey(0, 1, own.Public());
  net_.Run(10s);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_EQ(net_.node(1).OldKeys().size(), 0u);
}

// --- Each pair of keys has what it needs. ---

// Node 1 is two changes ahead of the key that he has, and one ahead of node 0.
TEST_F(ThiefTest, HeDoesNotKeepALaterOldKeyOut) {
  net_.LearnKey(1, 0, next_.Public());
  net_.LearnKey(1, 0, last_.Public());
  OnlyInitiator(0);
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 50ms);
  }
  Thief thief(net_, stolen_);
  const auto shake = [&](Duration duration) {
    for (Duration t{0}; t < duration && !HasShown(next_); t += 2ms) {
      thief.Shake();
      net_.Run(2ms);
    }
  };
  shake(10s);
  net_.ChangeKey(0, next_);
  const Instant changed = net_.now();
  shake(60s);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(net_.now() - changed, 5s) << (net_.now() - changed) / 1ms;
}

// He has more sessions made than node 1 keeps unconfirmed, while the confirm of node 0 is on its long way.
TEST_F(ThiefTest, HisSessionsDisplaceNoneOfTheNewKey) {
  net_.LearnKey(1, 0, next_.Public());
  OnlyInitiator(0);
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 1s);
  }
  Thief thief(net_, stolen_);
  net_.ChangeKey(0, next_);
  const Instant changed = net_.now();
  while (!HasShown(next_) && net_.now() - changed < 60s) {
    thief.Shake();
    net_.Run(20ms);
  }
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(net_.now() - changed, 15s) << (net_.now() - changed) / 1ms;
}

// Node 0 lacks the newest preshared key, and gets each second answer by the one that it has. He takes the others.
TEST_F(ThiefTest, HeDoesNotTakeTheTurnsOfPresharedKeys) {
  net_.LearnKey(1, 0, next_.Public());
  net_.node(1).SetPeerPsk(net_.now(), 0, wire::PresharedKey(std::array<uint8_t, 32>{2}));
  Thief thief(net_, stolen_);
  size_t answers = 0;
  net_.Filter([&](const Seen& seen) {
    const bool response = seen.type() == static_cast<uint8_t>(wire::MessageType::kResponse);
    answers += response && seen.from_node == 1;
    return seen.type() != 2 || seen.from_node == 0;
  });
  net_.Run(300s);  // sessions have ended, so that none needs a token
  net_.ChangeKey(0, next_);
  const Instant changed = net_.now();
  for (size_t taken = answers; !HasShown(next_) && net_.now() - changed < 120s; net_.Run(10ms)) {
    if (answers == taken) continue;
    for (int i = 0; i < 20 && !thief.Shake(); ++i) continue;  // one answer, with its token
    taken = answers;
  }
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(net_.now() - changed, 30s) << (net_.now() - changed) / 1ms;
}

// --- He answers what node 1 asks, in the place of node 0, which cannot begin. ---

class ImpostorTest : public ThiefStory {
 protected:
  // What node 1 asks of the stolen key does not reach node 0.
  ImpostorTest() {
    net_.Filter([this](const Seen& seen) {
      if (seen.type() != 2) return !away_;
      if (seen.from_node == 0) return false;
      const bool is_for_it = wire::VerifyMac1(wire::Mac1Key(stolen_.Public()), seen.datagram);
      if (is_for_it) asked_.push_back(seen);
      return !is_for_it && !away_;
    });
  }
  void Begin() { net_.LearnKey(1, 0, next_.Public()); }
  // For so long, or until node 0 has shown its new key, he does this with what he is asked.
  Duration While(Duration most, const std::function<void(Thief&, const Seen&)>& does) {
    const Instant begin = net_.now();
    while (net_.now() - begin < most && !HasShown(next_)) {
      for (const Seen& seen : std::exchange(asked_, {})) does(thief_, seen);
      net_.Run(20ms);
      // Somebody is there.
      if (thief_.has_session()) thief_.Say(Confirm{});
    }
    return net_.now() - begin;
  }

  std::vector<Seen> asked_;
  bool away_ = false;  // node 0 is, of which nothing is heard
  Thief thief_{net_, stolen_};
};

const auto kAnswers = [](Thief& thief, const Seen& seen) { thief.Answer(seen); };

// Node 0 gets the new key while he is taken for it.
TEST_F(ImpostorTest, TheNewKeyIsAskedAgainSoon) {
  Begin();
  While(20s, kAnswers);
  EXPECT_TRUE(thief_.has_session());
  net_.ChangeKey(0, next_);
  const Duration took = While(300s, kAnswers);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(took, kSearchAgain + 5s) << took / 1ms;
}

// Nor does he put it off by sessions of his own, and by closing them.
TEST_F(ImpostorTest, HisOwnHandshakesPutNothingOff) {
  Begin();
  While(20s, kAnswers);
  net_.ChangeKey(0, next_);
  const Instant changed = net_.now();
  for (int turn = 0; net_.now() - changed < 300s && !HasShown(next_); ++turn) {
    While(200ms, kAnswers);
    if (thief_.Shake()) thief_.Say(Confirm{});
    if (turn % 5 == 0 && thief_.has_session()) thief_.Say(Close{});
  }
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(net_.now() - changed, kSearchAgain + 10s) << (net_.now() - changed) / 1ms;
}

// He is near, and node 0 is far.
TEST_F(ImpostorTest, HisAnswerTakesNoneAway) {
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 800ms);
  }
  net_.Run(10s);
  net_.ChangeKey(0, next_);
  net_.Run(10s);
  Begin();
  const Duration took = While(300s, kAnswers);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(took, 15s) << took / 1ms;
}

// He never answers, but asks for another token each time.
TEST_F(ImpostorTest, HisRetriesTakeNoTurns) {
  away_ = true;
  Begin();
  const auto retries = [](Thief& thief, const Seen& seen) { thief.Retry(seen); };
  While(300s, retries);
  net_.ChangeKey(0, next_);
  away_ = false;
  const Duration took = While(300s, retries);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(took, 30s) << took / 1ms;
}

// Nobody knows the key that node 1 had before but node 0, which knows no other of it. He is asked by both pairs of the
// stolen one, and answers by either.
TEST_F(ImpostorTest, OtherPairsAreTriedBesideHis) {
  net_.ChangeKey(1, last_);
  Begin();
  While(20s, kAnswers);
  net_.ChangeKey(0, next_);
  const Duration took = While(600s, kAnswers);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(took, 3 * kSearchAgain) << took / 1ms;
}

// Node 1 is three changes ahead, of which node 0 follows the first.
TEST_F(ImpostorTest, EachOldKeyHasItsTurnBesideHis) {
  Begin();
  net_.LearnKey(1, 0, last_.Public());
  net_.LearnKey(1, 0, wire::SecretKey::Generate().Public());
  While(20s, kAnswers);
  EXPECT_TRUE(thief_.has_session());
  net_.ChangeKey(0, next_);
  const Duration took = While(600s, kAnswers);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(took, 3 * kSearchAgain) << took / 1ms;
}

// A search costs little where nobody has the new key for a day.
TEST_F(ThiefTest, SearchesAreFew) {
  net_.LearnKey(1, 0, next_.Public());
  net_.Run(10s);
  uint64_t asked = 0;
  net_.Filter([&asked](const Seen& seen) {
    asked += seen.type() == 2 && seen.from_node == 1;
    return true;
  });
  ExpectNothingLost(600s);
  EXPECT_LE(asked, 600u * 4u / 5u) << "in ten minutes, over four paths";
  EXPECT_GT(asked, 0u);
}

// --- At a map. ---

// He registers by the stolen key elsewhere.
TEST_F(ThiefTest, HeDoesNotMoveThePeerAtAMap) {
  Node& node = net_.node(1);
  auto owned = std::make_unique<LyingMap>(node.identity(), node.sessions());
  LyingMap& map = *owned;
  const MapId id = node.AddMap(net_.now(), std::move(owned));
  const wire::Endpoint truly{wire::IpAddress::V4({10, 77, 0, 1}), 13116};
  const wire::Endpoint falsely{wire::IpAddress::V4({10, 66, 0, 1}), 13116};
  const auto knows = [&](const wire::Endpoint& endpoint) { return net_.HasPath(1, 0, endpoint); };
  net_.LearnKey(1, 0, next_.Public());
  map.found = {{next_.Public(), {truly}}, {stolen_.Public(), {falsely}}};
  net_.Run(100ms);
  EXPECT_TRUE(knows(truly));
  EXPECT_TRUE(knows(falsely));
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  net_.Run(3s);
  EXPECT_TRUE(knows(truly));
  EXPECT_FALSE(knows(falsely)) << "its key has ended";
  node.RemoveMap(net_.now(), id);
  EXPECT_FALSE(knows(truly));
}

// Node 1 is one change ahead of node 0, which is registered by a key that is old already, and not his.
TEST_F(ThiefTest, HeDoesNotMoveALaterOldKeyAtAMap) {
  Node& node = net_.node(1);
  auto owned = std::make_unique<LyingMap>(node.identity(), node.sessions());
  LyingMap& map = *owned;
  const MapId id = node.AddMap(net_.now(), std::move(owned));
  const auto at = [](uint8_t byte) {
    return wire::Endpoint{wire::IpAddress::V4({10, 77, 0, byte}), 13116};
  };
  const auto knows = [&](uint8_t byte) { return net_.HasPath(1, 0, at(byte)); };
  net_.LearnKey(1, 0, next_.Public());
  map.found = {{next_.Public(), {at(1)}}, {stolen_.Public(), {at(66)}}};
  net_.Run(100ms);
  net_.LearnKey(1, 0, last_.Public());
  map.found = {{next_.Public(), {at(2)}}, {stolen_.Public(), {at(67)}}};
  net_.Run(100ms);
  EXPECT_TRUE(knows(2));
  EXPECT_TRUE(knows(67));
  EXPECT_FALSE(knows(1) || knows(66)) << "each has moved";
  // The key comes back, and is the same one.
  net_.LearnKey(1, 0, next_.Public());
  EXPECT_TRUE(knows(2));
  map.found = {{next_.Public(), {at(3)}}};
  net_.Run(100ms);
  EXPECT_TRUE(knows(3));
  EXPECT_FALSE(knows(2));
  EXPECT_TRUE(knows(67));
  node.RemoveMap(net_.now(), id);
  EXPECT_FALSE(knows(3) || knows(67));
}

}  // namespace
}  // namespace warp::protocol
