// Paths that carry only while no other works.
#include <gtest/gtest.h>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

// The first path is free, the second one the last resort.
class LastResortTest : public BareBondTest {
 protected:
  LastResortTest() { SetTier(kLastResortTier); }
  void SetTier(uint8_t tier) {
    std::vector<PathSpec> paths;
    for (wire::PathSlot slot = 0; slot < 2; ++slot) {
      paths.push_back({.id = slot + 1u,
                       .slot = slot,
                       .port = slot,
                       .remote_port = slot,
                       .tier = slot == 0 ? uint8_t{1} : tier,
                       .max_rate = 100'000,
                       .round_trip = Millis(20)});
    }
    bond_.SetPaths(now_, paths);
  }
  // The paths of all that leaves while much more is offered than the first path carries.
  PathMask Flood() {
    PathMask used = 0;
    for (int i = 0; i < 3000; ++i) {
      Grant grant;
      if (Offer(&grant, 1) == Bond::Fate::kGranted) {
        used |= grant.paths;
        Pay(grant);
      }
      for (const Grant& left : Run(now_ + Millis(1))) used |= left.paths;
    }
    return used;
  }
  // Nothing comes back from the first path any more.
  void Silence() {
    Grant grant;
    for (int i = 0; i < 5; ++i) {
      ASSERT_NE(Offer(&grant, 1, 100), Bond::Fate::kDropped);
      if (grant.paths != 0) Leave(grant);
      now_ += Millis(1);
    }
    Run(now_ + Millis(1500));
  }
};

TEST_F(LastResortTest, NeverJoinsForWantOfRoom) {
  SetFlow(1, {.mode = TunnelMode::kStripe});
  EXPECT_EQ(Flood(), 0b01u);
  SetTier(2);  // a tier of a configuration does
  EXPECT_EQ(Flood(), 0b11u);
}

TEST_F(LastResortTest, IsLeftOutByReplicationWhileAnotherWorks) {
  SetFlow(1, {.mode = TunnelMode::kReplicate});
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  EXPECT_EQ(grant.paths, 0b01u);
  SetFlow(1, {.mode = TunnelMode::kReplicate, .copies = 2});
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  EXPECT_EQ(grant.paths, 0b01u);
}

TEST_F(LastResortTest, CarriesWhatMayGoByNoOther) {
  SetFlow(1, {.mode = TunnelMode::kReplicate}, 0b10);
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  EXPECT_EQ(grant.paths, 0b10u);
}

class LastResortOfModeTest : public LastResortTest,
                             public testing::WithParamInterface<TunnelMode> {};

TEST_P(LastResortOfModeTest, CarriesWhenTheOthersAreSilent) {
  SetFlow(1, {.mode = GetParam()});
  Grant grant;
  Offer(&grant, 1, 100);
  EXPECT_EQ(grant.paths, 0b01u);
  Leave(grant);
  Silence();
  Offer(&grant, 1, 100);
  EXPECT_NE(grant.paths & 0b10u, 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, LastResortOfModeTest,
                         testing::Values(TunnelMode::kStripe, TunnelMode::kAdaptive,
                                         TunnelMode::kBackup, TunnelMode::kReplicate));

}  // namespace
}  // namespace warp::bonding
