// Two ports of each end, and a path between each two. What an interface's death takes with it is two paths, of which
// one may have carried nothing, so that nothing was missed there yet.
#include <gtest/gtest.h>

#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

class EndsTest : public testing::TestWithParam<TunnelMode> {
 protected:
  EndsTest() {
    for (size_t i = 0; i < 4; ++i) {
      world.AddLink({.rates = {Mbit(20)}, .delay = Millis(0.1 + 0.01 * static_cast<double>(i))});
      world.SetPort(i, static_cast<wire::PortId>(i / 2));
      world.SetRemotePort(i, static_cast<uint16_t>(i % 2));
    }
    world.SetPaths();
  }
  World world;
};

// It is sent again once: by the path of the same interface it would be lost again, and missed after the same silence.
TEST_P(EndsTest, WhatAnInterfaceHasLostGoesAgainByAnother) {
  for (const size_t link : {0, 2}) {
    for (int i = 0; i < 4; ++i) world.link(link).Die(At(5 + 3 * i), At(6 + 3 * i));
  }
  const uint16_t flow =
      world.AddFlow({.policy = {.mode = GetParam(), .order = Millis(80), .resend = Millis(80)}});
  world.Count(At(2), At(18));
  world.Stream(flow, Mbit(2), true, {}, At(18));
  world.Run();
  EXPECT_EQ(world.result(flow).missing(), 0u);
  EXPECT_LT(InMillis(world.result(flow).longest_gap), 80);
}

// All paths share the peer's only interface: then another one of them is better than none.
TEST_P(EndsTest, WhereAllShareAnEndTheOtherPathsServe) {
  for (size_t i = 0; i < 4; ++i) world.SetRemotePort(i, 7);
  world.SetPaths();
  world.link(0).Die(At(5), At(6));
  world.link(1).Die(At(5), At(6));
  const uint16_t flow =
      world.AddFlow({.policy = {.mode = GetParam(), .order = Millis(150), .resend = Millis(150)}});
  world.Count(At(2), At(8));
  world.Stream(flow, Mbit(2), true, {}, At(8));
  world.Run();
  EXPECT_EQ(world.result(flow).missing(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Ends, EndsTest,
                         testing::Values(TunnelMode::kStripe, TunnelMode::kAdaptive));

}  // namespace
}  // namespace warp::bonding
