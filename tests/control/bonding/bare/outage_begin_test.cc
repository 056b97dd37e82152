// When an outage began, of which the bond learns later: copies that are missing say it as payloads do.
#include <gtest/gtest.h>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

class OutageBeginTest : public BareBondTest {
 protected:
  OutageBeginTest() {
    SetFlow(1, {.mode = config::TunnelMode::kReplicate});
    SetFlow(2, {.mode = config::TunnelMode::kAdaptive, .resend = Millis(900), .target = 0.01});
  }
  uint64_t Send(uint16_t flow) {
    Offer(&grant_, flow);
    return Leave(grant_);
  }
  // Whether a payload is copied because of what is expected of the first path.
  bool Copied() {
    Send(2);
    return grant_.paths == 0b11;
  }
  Grant grant_;
};

// The path was not used for five seconds before its first outage. The next one is due 15 s after that, and not 10.
TEST_F(OutageBeginTest, APauseBeforeItIsNone) {
  Tell(0, Send(1));
  now_ += Millis(5000);
  const Instant began = now_;
  for (int i = 0; i < 6; ++i) Send(1);
  now_ += Millis(20);
  Tell(0, counter_ - 1);
  now_ = began + Millis(10'000);
  EXPECT_FALSE(Copied());
  now_ = began + Millis(15'000);
  EXPECT_TRUE(Copied());
}

// A line of mode backup need not wait for the answer of a satellite's path that is not used.
TEST_F(OutageBeginTest, DropsAwaitTheAnswerOfThePathThatIsUsed) {
  const PathSpec line{.id = 1, .slot = 0, .max_rate = 125'000, .round_trip = Millis(20)};
  const PathSpec satellite{.id = 2, .slot = 1, .port = 1, .tier = 2, .round_trip = Millis(2000)};
  bond_.SetPaths(now_, std::vector<PathSpec>{line, satellite});
  SetFlow(3, {.mode = config::TunnelMode::kBackup});
  Wait(3, 10'000);
  int dropped = 0;
  for (const Instant end = now_ + Millis(900); now_ < end; now_ += Millis(1)) {
    dropped += Offer(&grant_, 3, 1) == Bond::Fate::kDropped ? 1 : 0;
  }
  EXPECT_GE(dropped, 3);
}

}  // namespace
}  // namespace warp::bonding
