// How seldom a peer may tell what becomes of little, and how soon the end of it is noticed all the same.
#include <gtest/gtest.h>

#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

class SpacingTest : public BareBondTest {
 protected:
  SpacingTest() {
    SetFlow(1, {.mode = config::TunnelMode::kStripe, .resend = Millis(150)});
    SaveForResends();
  }
  // A payload each 5 ms, which arrives after 10 ms, of which the peer tells each `spacing` at once; for so many
  // milliseconds. For how many of them the fast path was not used.
  int Converse(int ms, int spacing) {
    int unused = 0;
    for (int i = 0; i < ms; ++i, now_ += Millis(1)) {
      bond_.HandleTimeout(now_);
      while (bond_.Next(now_)) ++resent_;
      if (i % 5 == 0) Send();
      while (!left_.empty() && now_ - left_.front().at >= Millis(10)) {
        arrived_ = left_.front().counter;
        left_.erase(left_.begin());
      }
      if (spacing > 0 && i % spacing == spacing - 1 && arrived_ != 0) Tell(0, arrived_);
      unused += Used() ? 0 : 1;
    }
    return unused;
  }
  void Pause(int ms) {
    for (int i = 0; i < ms; ++i, now_ += Millis(1)) bond_.HandleTimeout(now_);
  }
  // Some payloads leave by the other path, which is dead.
  void SendByDeadPath() {
    for (int i = 0; i < 5; ++i) {
      Grant grant;
      if (Offer(&grant, 1, 100) != Bond::Fate::kGranted) continue;
      grant.paths = 2;
      Leave(grant);
    }
  }
  bool Used() const { return (bond_.UsablePaths(1) & 1) != 0; }
  // The peer tells nothing any more: for so many milliseconds the fast path is used all the same; a second at most.
  int MillisUntilUnused() {
    int ms = 0;
    for (; Used() && ms < 1000; ++ms) Converse(1, 0);
    return ms;
  }

  int resent_ = 0;

 private:
  void Send() {
    Grant grant;
    if (Offer(&grant, 1, 100) != Bond::Fate::kGranted) return;
    grant.paths = 1;
    left_.push_back({now_, Leave(grant)});
  }
  struct Left {
    Instant at;
    uint64_t counter;
  };
  std::vector<Left> left_;
  uint64_t arrived_ = 0;
};

TEST_F(SpacingTest, APeerThatTellsSeldomSilencesNoPath) {
  for (const int spacing : {20, 50, 90, 140}) {
    Converse(1000, spacing);
    resent_ = 0;
    EXPECT_EQ(Converse(3000, spacing), 0) << spacing;
    EXPECT_EQ(resent_, 0) << spacing;
  }
}

TEST_F(SpacingTest, OneThatTellsOftenAgainIsMissedSoonAgain) {
  Converse(3000, 140);
  Converse(4000, 20);
  EXPECT_LE(MillisUntilUnused(), 100);
}

// It had nothing to tell meanwhile.
TEST_F(SpacingTest, APauseSaysNothingOfThePeer) {
  Converse(2000, 20);
  for (int i = 0; i < 10; ++i) {
    Pause(15);
    Tell(0, counter_ - 1);  // all has arrived
    Pause(180);
    Converse(60, 20);
  }
  EXPECT_LE(MillisUntilUnused(), 100);
}

// Of what left by a dead path nothing is told for long, however often the peer tells.
TEST_F(SpacingTest, NorDoesAPauseWhileAnotherPathIsDead) {
  SetPaths(0b111);  // the third one is idle
  Converse(2000, 20);
  SendByDeadPath();
  Converse(500, 20);
  for (int i = 0; i < 10; ++i) {
    Pause(15);
    Tell(0, counter_ - 1);
    Pause(180);
    Converse(60, 20);
  }
  EXPECT_LE(MillisUntilUnused(), 100);
}

}  // namespace
}  // namespace warp::bonding
