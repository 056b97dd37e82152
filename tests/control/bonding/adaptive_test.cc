// Copies only where a payload is at risk: mode adaptive, on models of links, in virtual time.
#include <gtest/gtest.h>

#include "tests/control/bonding/model/tell.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

LinkOptions Line(double mbit, double round_trip) {
  return {.rates = {Mbit(mbit)}, .delay = Millis(round_trip / 2)};
}

// Two paths of 20 and 40 ms one way, and what goes wrong on the first.
void Hold(const char* row, double deadline, const LinkOptions& first, double period,
          double most_lost, double most_extra) {
  World world(3);
  world.one_way_deaths = true;
  world.AddLink(first);
  world.AddLink(Line(20, 80));
  std::mt19937_64 random(5);
  const double lengths[] = {40, 80, 120, 150, 250};
  if (period > 0) {
    for (double at = 12; at < 95; at += period)
      world.link(0).Die(At(at), At(at) + Millis(lengths[random() % 5]));
  }
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kAdaptive, .resend = Millis(deadline), .target = 0.001},
       .deadline = Millis(deadline)});
  world.Count(At(5), At(95));
  world.Stream(flow, 1000 * 200, true, {}, At(95), 200);
  world.Run();
  Tell(row, world, flow);
  const FlowResult& result = world.result(flow);
  const double lost = static_cast<double>(result.missing() + result.late + result.refused) /
                      static_cast<double>(result.offered);
  std::printf("   lost or late %.4f %%\n", 100 * lost);
  EXPECT_LE(lost, most_lost);
  EXPECT_LE(world.ExtraShare(flow), most_extra);
}
TEST(Adaptive, Clean) { Hold("12 adaptive, clean", 150, Line(20, 40), 0, 0, 0.01); }
TEST(Adaptive, Outages) { Hold("13 adaptive, outages, 150", 150, Line(20, 40), 15, 0, 0.05); }
// A loss is known after 80 ms: what was under way then is late, unless the outage was foreseen, as the third one is.
TEST(Adaptive, OutagesShort) {
  Hold("13 adaptive, outages, 80", 80, Line(20, 40), 15, 0.003, 0.10);
}
// Those that come at no fixed moments are not.
TEST(Adaptive, OutagesAtAnyTime) {
  Hold("adaptive, outages each 13.7 s, 80", 80, Line(20, 40), 13.7, 0.006, 0.10);
}
// The other paths never carried as much as the first, so that nobody knows whether they can: copies must find that out,
// and not delay what they are there for. The first path has 20 outages.
void Repeat(bool one_way, double most_missed) {
  World world(3);
  world.one_way_deaths = one_way;
  world.AddLink(Line(50, 40));
  world.AddLink(Line(20, 60));
  world.AddLink(Line(20, 60));
  const double lengths[] = {200, 40, 250, 80, 120};
  for (int i = 0; i < 20; ++i) {
    world.link(0).Die(At(12 + 15 * i), At(12 + 15 * i) + Millis(lengths[i % 5]));
  }
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kAdaptive, .resend = Millis(80), .target = 0.001},
       .deadline = Millis(80)});
  world.Count(At(5), At(305));
  world.Stream(flow, 1000 * 1000, true, {}, At(305), 1000);
  world.Run();
  Tell("13 adaptive, outages, 80, of 8 Mbit/s", world, flow);
  const FlowResult& result = world.result(flow);
  const double missed = static_cast<double>(result.missing() + result.late + result.refused) /
                        static_cast<double>(result.offered);
  std::printf("   lost or late %.4f %%\n", 100 * missed);
  EXPECT_LE(missed, most_missed);
  EXPECT_LE(world.ExtraShare(flow), 0.10);
}
TEST(Adaptive, CopiesOfMuchOverPathsThatWereIdle) { Repeat(true, 0.0003); }
// The first outage, which nobody could foresee, is known later then: the peer must say so by another path.
TEST(Adaptive, CopiesOfMuchWhereTheWayBackDiesAsWell) { Repeat(false, 0.0004); }
TEST(Adaptive, Bursts) {
  LinkOptions first = Line(20, 40);
  first.to_bad = 1 / 8000.0;
  first.to_good = 1 / 130.0;
  first.bad_loss = 0.8;
  Hold("14 adaptive, bursts, 150", 150, first, 0, 0.00001, 0.10);
}

}  // namespace
}  // namespace warp::bonding
