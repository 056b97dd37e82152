// One TCP through a tunnel over a single path, as slow or as long as paths are.
#include <gtest/gtest.h>

#include "tests/control/bonding/model/cubic.h"
#include "tests/control/bonding/model/tell.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

struct Path {
  const char* name;
  double mbit, way;
  config::TunnelMode mode;
  double least;  // of what the link carries
};

class LongTripTest : public testing::TestWithParam<Path> {};

TEST_P(LongTripTest, OneTcpFillsIt) {
  const Path& path = GetParam();
  World world(3);
  world.AddLink({.rates = {Mbit(path.mbit)}, .delay = Millis(path.way)});
  const uint16_t flow = world.AddFlow({.policy = {.mode = path.mode, .resend = Millis(150)}});
  Cubic tcp(world, flow, Millis(path.way));
  world.Count(At(20), At(60));
  tcp.Start();
  world.Run();
  Tell(path.name, world, flow);
  EXPECT_GE(world.Goodput(flow), path.least);
}

INSTANTIATE_TEST_SUITE_P(
    All, LongTripTest,
    testing::Values(Path{"1 Mbit/s", 1, 20, config::TunnelMode::kStripe, 0.9},
                    Path{"1 Mbit/s adaptive", 1, 20, config::TunnelMode::kAdaptive, 0.9},
                    Path{"a satellite far up", 20, 300, config::TunnelMode::kStripe, 0.7}));

}  // namespace
}  // namespace warp::bonding
