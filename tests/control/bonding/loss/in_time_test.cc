// What mode adaptive takes for in time: over paths whose ways differ much, beside floods, and where resends end early.
// Each payload that could have come in time and did not is a failure.
#include <gtest/gtest.h>

#include "tests/control/bonding/model/tell.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

// A link of 20 Mbit/s, so long one way.
LinkOptions Line(double way, double loss = 0, double mbit = 20) {
  return {.rates = {Mbit(mbit)}, .delay = Millis(way), .loss = loss};
}

FlowOptions Adaptive(double deadline, double resend) {
  return {.policy = {.mode = TunnelMode::kAdaptive, .resend = Millis(resend), .target = 0.001},
          .deadline = Millis(deadline)};
}

// The share of what was offered that came late or not at all.
double MissedShare(const char* row, World& world, uint16_t flow, Instant to) {
  world.Count(At(5), to);
  world.Stream(flow, 500 * 200, true, {}, to, 200);
  world.Run();
  Tell(row, world, flow);
  const FlowResult& result = world.result(flow);
  return static_cast<double>(result.missing() + result.late + result.refused) /
         static_cast<double>(result.offered);
}

// Feedback about both paths comes back by the first one, so that the round trip of the second one is 190 ms, and not
// 340: a resend that it takes 95 ms for granted arrives after the deadline, while a copy would be in time.
TEST(InTime, TheWayOfALongPathIsNotHalfOfItsRoundTrip) {
  World world(3);
  world.AddLink(Line(20, 0.01));
  world.AddLink(Line(170));
  const uint16_t flow = world.AddFlow(Adaptive(200, 200));
  EXPECT_LE(MissedShare("a long way, 200", world, flow, At(45)), 0.0005);
}

// No other path is in time, but the one that lost it is.
TEST(InTime, WhatNoOtherPathBringsInTimeGoesBySameAgain) {
  World world(3);
  world.AddLink(Line(20, 0.01));
  world.AddLink(Line(300));
  const uint16_t flow = world.AddFlow(Adaptive(150, 150));
  EXPECT_LE(MissedShare("the same again, 150", world, flow, At(45)), 0.002);
}

// A loss is known after 140 to 160 ms, when nothing is sent again any more, though it would be in time.
TEST(InTime, WhatWouldNotBeSentAgainIsCopied) {
  World world(3);
  world.AddLink(Line(70, 0.01));
  world.AddLink(Line(70, 0.01));
  const uint16_t flow = world.AddFlow(Adaptive(250, 150));
  EXPECT_LE(MissedShare("resend 150, 250", world, flow, At(45)), 0.004);
}

// What a flood has put into the queues of the paths holds up neither resends nor copies, which do not wait there.
void BesideAFlood(const char* row, double deadline) {
  World world(3);
  world.AddLink(Line(20, 0.01, 10));
  world.AddLink(Line(30, 0.01, 10));
  const uint16_t flood = world.AddFlow({});
  const uint16_t flow = world.AddFlow(Adaptive(deadline, deadline));
  world.Stream(flood, Mbit(40), false, {}, At(25));
  EXPECT_LE(MissedShare(row, world, flow, At(25)), 0.002);
  Tell("  the flood", world, flood);
  EXPECT_GE(world.Goodput(flood), 0.6);
}
TEST(InTime, ResendsBesideAFlood) { BesideAFlood("resends beside a flood, 200", 200); }
TEST(InTime, CopiesBesideAFlood) { BesideAFlood("copies beside a flood, 100", 100); }

// All of 8 Mbit/s is at risk, and the other path may have 1: copies keep to that, however late they may be.
TEST(InTime, CopiesKeepTheRateOfTheirPath) {
  constexpr uint64_t kRate = 125'000;
  World world(3);
  world.AddLink(Line(150, 0.01, 50));
  world.AddLink(Line(150, 0, 50), 1, kRate);
  const uint16_t flow = world.AddFlow(Adaptive(350, 350));
  world.Count(At(1), At(20));
  world.Stream(flow, Mbit(8), true, {}, At(20), 1000);
  world.Run();
  Tell("copies over a rate", world, flow);
  EXPECT_LE(static_cast<double>(world.link(1).sent_bytes()), 20.5 * kRate);
}

// Copies of one tunnel leave at once: those who wait for that path, and need most of their half, have it all the same.
TEST(InTime, CopiesStarveNobody) {
  World world(3);
  world.AddLink(Line(60, 0.01, 50));
  world.AddLink(Line(60, 0, 4));
  const uint16_t other = world.AddFlow({.allowed = wire::MaskOf(1)});
  const uint16_t flow = world.AddFlow(Adaptive(150, 150));
  world.Count(At(5), At(20));
  world.Stream(other, Mbit(1.6), false, {}, At(20));
  world.Stream(flow, Mbit(8), true, {}, At(20), 1000);
  world.Run();
  Tell("copies", world, flow);
  Tell("who waits there", world, other);
  const FlowResult& result = world.result(other);
  EXPECT_LE(static_cast<double>(result.refused + result.late + result.missing()),
            0.08 * static_cast<double>(result.offered));
}

// A turn of the flood's takes 24 ms on this path. Who sends a payload now and then has no queue.
TEST(InTime, WhoHasNoQueueLosesNothingToIt) {
  World world(3);
  world.AddLink(Line(20, 0, 1));
  const uint16_t flood = world.AddFlow({});
  const uint16_t seldom = world.AddFlow({});
  world.Count(At(5), At(45));
  world.Stream(flood, Mbit(3), false, {}, At(45));
  world.Stream(seldom, 400, true, {}, At(45), 200);
  world.Run();
  Tell("seldom, beside a flood", world, seldom);
  EXPECT_EQ(world.result(seldom).refused, 0u);
  EXPECT_EQ(world.result(seldom).missing(), 0u);
}

}  // namespace
}  // namespace warp::bonding
