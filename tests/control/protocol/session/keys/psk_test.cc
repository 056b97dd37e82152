// Stories of preshared keys that change while a session lives: at one end first, and at the other when its turn comes.
#include <gtest/gtest.h>

#include "tests/control/protocol/session/keys/key_story.h"

namespace warp::protocol {
namespace {

wire::PresharedKey Psk(uint8_t byte) {
  std::array<uint8_t, wire::kKeySize> bytes;
  bytes.fill(byte);
  return wire::PresharedKey(bytes);
}

// Each node has the other as its only peer.
void Change(VirtualNet& net, int n, uint8_t byte) {
  net.SetPsk(n, byte);  // where it starts again
  net.node(n).SetPeerPsk(net.now(), 0, Psk(byte));
}

using PskTest = KeyStory;

TEST_F(PskTest, ANewOneIsUsedAtOnce) {
  const auto before = net_.Peer(0, 1).session;
  Change(net_, 0, 2);
  Change(net_, 1, 2);
  ExpectNothingLost(5s);
  EXPECT_NE(net_.Peer(0, 1).session, before);
}

// One end has the new key for longer than any session lives.
TEST_F(PskTest, TheEndsChangeItOneAfterTheOther) {
  Change(net_, 0, 2);
  ExpectNothingLost(400s);
  Change(net_, 1, 2);
  ExpectNothingLost(400s);
}

// Whoever begins the handshake, and whichever end is first.
TEST_F(PskTest, EitherEndMayBeginMeanwhile) {
  for (const int initiator : {0, 1}) {
    OnlyInitiator(initiator);
    for (const int first : {0, 1}) {
      const auto byte = static_cast<uint8_t>(10 + 2 * initiator + first);
      Change(net_, first, byte);
      net_.Restart(1 - first);
      ASSERT_TRUE(net_.RunUntil([this] { return Connected(); }, 60s)) << initiator << first;
      net_.Run(1s);
      Change(net_, 1 - first, byte);
      ExpectNothingLost(200s);
    }
  }
}

TEST_F(PskTest, TheOldOneEndsWhenTheNewOneHasServed) {
  Change(net_, 0, 2);
  Change(net_, 1, 2);
  net_.Run(10s);
  net_.SetPsk(1, 1);
  net_.Restart(1);
  EXPECT_FALSE(net_.RunUntil([this] { return net_.Connected(1, 0); }, 300s));
}

// It is led back: the one of before is the new one then.
TEST_F(PskTest, ItIsTakenBack) {
  Change(net_, 0, 2);
  ExpectNothingLost(10s);
  Change(net_, 0, 1);
  ExpectNothingLost(300s);
}

// Somebody who has neither key stays outside, however long both serve.
TEST_F(PskTest, AThirdOneServesNobody) {
  Change(net_, 0, 2);
  net_.SetPsk(1, 3);
  net_.Restart(1);
  EXPECT_FALSE(net_.RunUntil([this] { return net_.Connected(1, 0); }, 300s));
}

// Its peer never gets the new one.
TEST_F(PskTest, TheOldOneEndsInTime) {
  net_.node(0).SetOldKeysFor(net_.now(), 600s);
  Change(net_, 0, 2);
  EXPECT_EQ(net_.Peer(0, 1).old_psk_ends, net_.now() + 600s);
  ExpectNothingLost(590s);
  EXPECT_TRUE(net_.RunUntil([this] { return !Connected(); }, 200s)) << "no session is made anew";
  EXPECT_EQ(net_.Peer(0, 1).old_psk_ends, kNever);
  EXPECT_FALSE(net_.RunUntil([this] { return Connected(); }, 300s));
  Change(net_, 1, 2);
  EXPECT_TRUE(net_.RunUntil([this] { return Connected(); }, 10s));
}

// The peer is two changes behind, and catches up at once.
TEST_F(PskTest, ItChangesTwiceBeforeThePeerFollows) {
  Change(net_, 0, 2);
  ExpectNothingLost(10s);
  Change(net_, 0, 3);
  ExpectNothingLost(400s);
  Change(net_, 1, 3);
  ExpectNothingLost(200s);
  EXPECT_EQ(net_.Peer(0, 1).old_psk_ends, kNever);
  EXPECT_EQ(net_.Peer(1, 0).old_psk_ends, kNever);
}

// It is led back after the peer had followed: both know both for a while.
TEST_F(PskTest, ItIsTakenBackAfterThePeerHasFollowed) {
  Change(net_, 0, 2);
  Change(net_, 1, 2);
  ExpectNothingLost(10s);
  net_.node(0).SetPeerPsk(net_.now(), 0, Psk(1), Replaced::kMistaken);
  ExpectNothingLost(400s);
  EXPECT_NE(net_.Peer(0, 1).old_psk_ends, kNever) << "sessions are made with it";
  net_.node(1).SetPeerPsk(net_.now(), 0, Psk(1), Replaced::kMistaken);
  ExpectNothingLost(200s);
  EXPECT_EQ(net_.Peer(0, 1).old_psk_ends, kNever);
}

// The peer has followed, and the link was gone for longer than sessions live.
TEST_F(PskTest, ItIsTakenBackWhileNobodyIsHeard) {
  for (const int n : {0, 1}) Change(net_, n, 2);
  ExpectNothingLost(10s);
  net_.Filter([](const Seen&) { return false; });
  net_.Run(400s);
  net_.node(0).SetPeerPsk(net_.now(), 0, Psk(1), Replaced::kMistaken);
  net_.Filter({});
  EXPECT_TRUE(net_.RunUntil([this] { return Connected(); }, 60s));
}

// Nobody has used it, so nothing of it is left.
TEST_F(PskTest, WhatIsTakenBackUnusedEndsAtOnce) {
  Change(net_, 0, 2);
  ExpectNothingLost(5s);
  net_.node(0).SetPeerPsk(net_.now(), 0, Psk(1), Replaced::kMistaken);
  EXPECT_EQ(net_.Peer(0, 1).old_psk_ends, kNever);
  ExpectNothingLost(200s);
}

// Old keys are to serve no time at all.
TEST_F(PskTest, TheOldOneEndsAtOnceWhereTheFileSaysSo) {
  net_.node(0).SetOldKeysFor(net_.now(), 0s);
  Change(net_, 0, 2);
  EXPECT_EQ(net_.Peer(0, 1).old_psk_ends, kNever);
  EXPECT_TRUE(net_.RunUntil([this] { return !Connected(); }, 200s));
}

// Recorded initiations are repeated while both serve: neither whom they name nor what they were made with changes.
TEST_F(PskTest, RecordingsChangeNothingMeanwhile) {
  net_.Record(true);
  net_.Restart(1);
  net_.Run(5s);
  const std::vector<Seen> recorded = net_.TakeSeen();
  net_.Record(false);
  Change(net_, 0, 2);
  net_.Filter([&](const Seen& seen) { return seen.type() != 2 || seen.from_node == 1; });
  for (int round = 0; round < 20; ++round) {
    for (const Seen& seen : recorded) {
      if (seen.type() == 2 && seen.from_node == 1) net_.Inject(0, 0, seen.from, seen.datagram);
    }
    ExpectNothingLost(20s);
  }
  EXPECT_NE(net_.Peer(0, 1).old_psk_ends, kNever) << "nobody has shown the new one";
}

}  // namespace
}  // namespace warp::protocol
