// A thread that stood still, or is late each time, looks at its paths before it has read what the peer told.
#include <gtest/gtest.h>

#include <deque>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

class LateTest : public BareBondTest {
 protected:
  LateTest() {
    SetFlow(1, {.mode = config::TunnelMode::kStripe, .resend = Millis(900)});
    SaveForResends();
    Converse(1000);
  }
  // A payload by each path every 5 ms, which arrives after 10 ms; the peer tells of that each 20 ms, and the bond is
  // looked at each `look`. For how many milliseconds the first path was not used.
  int Converse(int ms, int look = 1) {
    int unused = 0;
    for (int i = 0; i < ms; ++i, now_ += Millis(1), ++time_) {
      if (time_ % look == 0) Look();
      if (time_ % 5 == 0) Send();
      Arrive();
      if (tells_ && time_ % 20 == 19) TellAll();
      unused += Used(0) ? 0 : 1;
    }
    return unused;
  }
  void Look() {
    bond_.HandleTimeout(now_);
    while (const auto grant = bond_.Next(now_)) {
      ++resent_;
      Pay(*grant);
    }
  }
  // The peer told of what had arrived when the thread stopped, and no more leaves.
  void StandStill(int ms) {
    for (int i = 0; i < ms; ++i, now_ += Millis(1), ++time_) Arrive();
    Look();
    TellAll(Millis(ms - 15));
  }
  bool Used(wire::PathSlot slot) const { return (bond_.UsablePaths(1) & wire::MaskOf(slot)) != 0; }
  bool Suspect(wire::PathSlot slot) const { return bond_.StatusOf(now_, slot + 1u)->suspect; }

  bool dead_ = false;  // the first path
  bool tells_ = true;
  int resent_ = 0;

 private:
  void Send() {
    for (const wire::PathSlot slot : {0, 1}) {
      Grant grant;
      if (Offer(&grant, 1, 100) != Bond::Fate::kGranted) continue;
      grant.paths = wire::MaskOf(slot);
      const uint64_t counter = Leave(grant);
      if (slot != 0 || !dead_) left_.push_back({now_, counter, slot});
    }
  }
  void Arrive() {
    for (; !left_.empty() && now_ - left_.front().at >= Millis(10); left_.pop_front())
      arrived_[left_.front().slot] = left_.front().counter;
  }
  void TellAll(Duration ago = {}) {
    for (const wire::PathSlot slot : {0, 1}) {
      if (arrived_[slot] != 0 && (slot != 0 || !dead_)) Tell(slot, arrived_[slot], {}, ago);
    }
  }
  struct Left {
    Instant at;
    uint64_t counter;
    wire::PathSlot slot;
  };
  std::deque<Left> left_;
  uint64_t arrived_[2] = {};
  int time_ = 0;
};

TEST_F(LateTest, AThreadThatStoodStillFindsNoPathDead) {
  for (const int ms : {30, 100, 300, 900}) {
    resent_ = 0;
    StandStill(ms);
    for (const wire::PathSlot slot : {0, 1}) {
      EXPECT_FALSE(Suspect(slot)) << ms;
      EXPECT_TRUE(Used(slot)) << ms;
    }
    EXPECT_EQ(Converse(1000), 0) << ms;
    EXPECT_EQ(resent_, 0) << ms;
  }
}

// It tells nothing for a while, and then of all that came.
TEST_F(LateTest, APeerThatStoodStillHasNoDeadPath) {
  for (const int ms : {100, 200, 400, 2000}) {
    tells_ = false;
    Converse(ms);
    tells_ = true;
    Converse(40);
    for (const wire::PathSlot slot : {0, 1}) {
      EXPECT_FALSE(Suspect(slot)) << ms;
      EXPECT_TRUE(Used(slot)) << ms;
    }
    Converse(1000);
  }
}

TEST_F(LateTest, ADeadPathIsFoundThoughEachLookIsLate) {
  EXPECT_EQ(Converse(1000, 30), 0);
  dead_ = true;
  Converse(250, 30);
  EXPECT_FALSE(Used(0));
  EXPECT_TRUE(Used(1));
}

}  // namespace
}  // namespace warp::bonding
