#include "control/link/nat64/prefix_finder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace warp::control {
namespace {

using namespace std::chrono_literals;

wire::Nat64Prefix Prefix(const char* address) {
  return *wire::Nat64Prefix::Make(*wire::IpAddress::Parse(address), 96);
}
const wire::Nat64Prefix kA = Prefix("2001:db8:a::");
const wire::Nat64Prefix kB = Prefix("2001:db8:b::");
const wire::Nat64Prefix kUsual = wire::Nat64Prefix::WellKnown();

class PrefixFinderTest : public testing::Test {
 protected:
  // Seconds pass.
  void Pass(int seconds, bool answers) {
    for (int i = 0; i < seconds; ++i) finder_.Look(now_ += 1s, answers_ = answers);
  }
  void Advertise(std::vector<wire::Nat64Prefix> prefixes) {
    finder_.SetAdvertised(now_, prefixes, answers_);
  }
  void Find(std::vector<wire::Nat64Prefix> prefixes) { finder_.SetFound(now_, prefixes, answers_); }
  wire::Nat64Prefix Now() const { return finder_.chosen().prefix; }
  PrefixSource Source() const { return finder_.chosen().source; }

  PrefixFinder finder_;
  bool answers_ = false;
  wire::Instant now_{1000s};
};

TEST_F(PrefixFinderTest, RoutersBeforeNameServersBeforeTheUsualOne) {
  EXPECT_EQ(Now(), kUsual);
  EXPECT_EQ(Source(), PrefixSource::kDefault);
  Find({kB});
  EXPECT_EQ(Now(), kB);
  EXPECT_EQ(Source(), PrefixSource::kNameServer);
  Advertise({kA});
  EXPECT_EQ(Now(), kA);
  EXPECT_EQ(Source(), PrefixSource::kRouter);
  Find({});
  EXPECT_EQ(Now(), kA);
}

// Somebody else's router on the link, or a name server that lies.
TEST_F(PrefixFinderTest, WhatAnswersIsNotLeftForWhatIsToldLater) {
  Find({kA});
  answers_ = true;  // since a moment: nobody has looked yet
  Advertise({kB});
  EXPECT_EQ(Now(), kA);
  Pass(1, true);
  Find({kB});
  EXPECT_EQ(Now(), kA);
  Pass(600, true);
  EXPECT_EQ(Now(), kA);
  // When it answers no more, what is told counts.
  Pass(6, false);
  EXPECT_EQ(Now(), kB);
}

TEST_F(PrefixFinderTest, WhatItsRoutersTakeBackIsLeftAtOnce) {
  Advertise({kA});
  Find({kA});
  Pass(10, true);
  Advertise({kB});
  EXPECT_EQ(Now(), kB);
  Pass(10, true);
  Advertise({});
  EXPECT_EQ(Now(), kUsual);
}

// Whoever lies first delays, and does no more.
TEST_F(PrefixFinderTest, WhatDoesNotAnswerMakesRoomInTurns) {
  Advertise({kA});
  Find({kB});
  EXPECT_EQ(Now(), kA);
  Pass(5, false);
  EXPECT_EQ(Now(), kB);
  Pass(10, false);
  EXPECT_EQ(Now(), kUsual);
  Pass(20, false);
  EXPECT_EQ(Now(), kA);
  // Nobody may answer at all, for example since peers are off: then there is little change.
  int changes = 0;
  for (int hour = 0; hour < 3600; ++hour) {
    const wire::Nat64Prefix before = Now();
    Pass(1, false);
    changes += before == Now() ? 0 : 1;
  }
  EXPECT_LE(changes, 18);
  // What is told anew is tried at once.
  Find({Prefix("2001:db8:c::")});
  EXPECT_EQ(Now(), kA);
  Pass(5, false);
  EXPECT_EQ(Now(), Prefix("2001:db8:c::"));
}

TEST_F(PrefixFinderTest, TheLastOneIsTheFirstGuessBehindALinkThatCameBack) {
  Advertise({kA});
  Pass(5, true);
  finder_.Forget();
  answers_ = false;
  EXPECT_EQ(Now(), kA);
  Advertise({});  // nothing yet
  EXPECT_EQ(Now(), kA);
  Find({kB});
  EXPECT_EQ(Now(), kB);
}

}  // namespace
}  // namespace warp::control
