// Clocks of the two machines that drift, begin anew or jump, and a peer that tells nothing at all.
#include <gtest/gtest.h>

#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

// The floor of a path that nothing used for long is by a clock that has drifted since.
TEST(Clocks, OneThatDriftsKeepsNoPathIdle) {
  for (const double drift : {500e-6, -500e-6}) {
    World world;
    world.AddLink({.rates = {Mbit(10)}, .delay = Millis(10)});
    world.AddLink({.rates = {Mbit(10)}, .delay = Millis(30)});
    world.lie = [&](protocol::Feedback* feedback) {
      const double since = InMillis(world.time().now().time_since_epoch()) * 1000;
      feedback->time += static_cast<uint32_t>(static_cast<int64_t>(drift * since));
    };
    const uint16_t flow = world.AddFlow({.policy = {.mode = TunnelMode::kStripe}});
    world.Stream(flow, Mbit(25), false, At(1), At(5));
    world.Stream(flow, Mbit(0.2), true, At(5), At(300));
    world.Stream(flow, Mbit(25), false, At(300), At(310));
    world.Count(At(302), At(310));
    world.Run();
    EXPECT_GE(world.Goodput(flow), 0.9) << drift;
  }
}

// From one moment on every feedback takes two seconds longer: its way back was changed. That is not a lie for ever.
TEST(Clocks, AJumpThatLastsIsBelieved) {
  World world;
  world.AddLink({.rates = {Mbit(10)}, .delay = Millis(10)});
  world.AddLink({.rates = {Mbit(10)}, .delay = Millis(30)});
  world.lie = [&](protocol::Feedback* feedback) {
    if (world.time().now() > At(5)) feedback->time -= 2'000'000;
  };
  const uint16_t flow = world.AddFlow({.policy = {.mode = TunnelMode::kStripe}});
  world.Stream(flow, Mbit(16), false, At(1), At(30));
  world.Count(At(15), At(30));
  world.Run();
  EXPECT_GE(world.Goodput(flow), 0.75);
  EXPECT_LT(world.bond().impossible(), 1000u);
}

// Nothing can prove a path to such a peer, so that none is taken for bad.
TEST(Untold, ABackupReturnsToItsLine) {
  Bond bond([](uint16_t, uint64_t) {});
  const auto set = [&](int second, PathMask mask) {
    std::vector<PathSpec> paths;
    for (wire::PathSlot slot = 0; slot < 2; ++slot) {
      if ((mask >> slot & 1) == 0) continue;
      paths.push_back({.id = slot + 1u,
                       .slot = slot,
                       .port = slot,
                       .remote_port = slot,
                       .tier = static_cast<uint8_t>(slot + 1)});
    }
    bond.SetPaths(At(second), paths);
  };
  uint64_t number = 0;
  const auto goes = [&](int second) {
    Grant grant{.flow = 1,
                .number = number++,
                .size = 1000,
                .taken = At(second),
                .deadline = At(second + 1)};
    EXPECT_EQ(bond.Offer(At(second), &grant), Bond::Fate::kGranted);
    return grant.paths;
  };
  bond.SetTold(false);
  set(1, 0b11);
  bond.SetFlow(At(1), 1, {.policy = {.mode = TunnelMode::kBackup}});
  EXPECT_EQ(goes(2), 0b01u);
  set(3, 0b10);
  EXPECT_NE(goes(4) & 0b10, 0u);
  set(5, 0b11);
  goes(6);
  EXPECT_EQ(goes(20), 0b01u);
}

}  // namespace
}  // namespace warp::bonding
