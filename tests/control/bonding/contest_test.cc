// Queues that are not ours: a stranger that fills the buffer of a shared link, and delays that no pace of ours ends.
#include <gtest/gtest.h>

#include "tests/control/bonding/model/tell.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

// One TCP download of a stranger's over a link: it grows until the buffer overflows, as cubic and Reno do.
class Stranger {
 public:
  Stranger(World& world, size_t link, Duration round_trip)
      : world_(world), link_(link), round_trip_(round_trip) {}
  void Start(Instant at) {
    world_.time().At(at, [this] { Fill(); });
  }
  void Stop() { stopped_ = true; }
  uint64_t arrived() const { return arrived_; }  // bytes

 private:
  static constexpr uint32_t kSegment = 1500;
  void Fill() {
    while (!stopped_ && flying_ < static_cast<uint64_t>(window_)) {
      ++flying_;
      const Instant now = world_.time().now();
      const auto arrival = world_.link(link_).Send(now, kSegment);
      if (arrival.has_value()) {
        world_.time().At(*arrival + round_trip_ / 2, [this] { Acknowledged(); });
      } else {
        world_.time().In(round_trip_ + Millis(400), [this] { Lost(); });
      }
    }
  }
  void Acknowledged() {
    --flying_;
    arrived_ += kSegment;
    window_ += window_ < threshold_ ? 1 : 1.5 / window_;
    Fill();
  }
  void Lost() {
    --flying_;
    const Instant now = world_.time().now();
    if (now > recovering_until_) {
      window_ = threshold_ = std::max(2.0, window_ * 0.7);
      recovering_until_ = now + round_trip_ + Millis(400);
    }
    Fill();
  }

  World& world_;
  const size_t link_;
  const Duration round_trip_;
  double window_ = 10, threshold_ = 1e9;
  uint64_t flying_ = 0, arrived_ = 0;
  Instant recovering_until_{};
  bool stopped_ = false;
};

// A stranger's download on the link leaves us a third of it, and we leave it a third.
void ExpectAThirdEach(const LinkOptions& options, double until) {
  World world(12);
  world.AddLink(options);
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kStripe, .order = Millis(100), .resend = Millis(150)},
       .deadline = Millis(1000)});
  Stranger stranger(world, 0, 2 * options.delay);
  stranger.Start(At(10));
  world.Count(At(15), At(until));
  world.Stream(flow, 1.1 * options.rates[0], false, {}, At(until));
  uint64_t before = 0;
  world.time().At(At(15), [&] { before = stranger.arrived(); });
  world.Run();
  Tell("19 stranger", world, flow);
  const double theirs =
      static_cast<double>(stranger.arrived() - before) / (until - 15) / options.rates[0];
  std::printf("   until %.0f s the stranger has %.1f %%\n", until, 100 * theirs);
  EXPECT_GE(world.Goodput(flow), 0.30) << until;
  EXPECT_GE(theirs, 0.30) << until;
}

// Row 19: however long it takes. What a floor forgets within 20 s must not end what is known of the contest.
TEST(Contest, AStrangerDoesNotTakeTheWholeLink) {
  for (const double until : {40.0, 70.0, 200.0})
    ExpectAThirdEach({.rates = {Mbit(20)}, .delay = Millis(30)}, until);
}

// Nor where its queue swings by little more than the delays of a radio link do anyway, because the buffer is short.
TEST(Contest, NorDoesItWithAShortBufferAndJitter) {
  for (const double rate : {5.0, 20.0}) {
    ExpectAThirdEach(
        {.rates = {Mbit(rate)}, .delay = Millis(10), .buffer = Millis(150), .jitter = Millis(8)},
        100);
  }
}

// And when it has gone, the link is ours again.
TEST(Contest, EndsWithTheStranger) {
  World world(13);
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(30)});
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kStripe, .order = Millis(100)}, .deadline = Millis(1000)});
  Stranger stranger(world, 0, Millis(60));
  stranger.Start(At(10));
  world.time().At(At(30), [&] { stranger.Stop(); });
  world.Count(At(40), At(55));
  world.Stream(flow, Mbit(22), false, {}, At(55));
  world.Run();
  Tell("stranger gone", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.97);
}

// A receiver that is late by some 40 ms for seconds, whatever is sent (a starved machine): the estimate of a path that
// carries half of what it could stays what it was.
TEST(Contest, DelayThatIsNoQueueCostsNoCapacity) {
  World world(14);
  world.AddLink({.rates = {Mbit(50)}, .delay = Millis(10)});
  world.AddLink({.rates = {Mbit(5)}, .delay = Millis(60)});
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kStripe, .order = Millis(100)}, .deadline = Millis(250)});
  world.Count(At(10), At(30));
  world.Stream(flow, Mbit(50), false, {}, At(5));
  world.Stream(flow, Mbit(20), false, At(5), At(30));
  world.time().At(At(12), [&] { world.link(0).SetExtraDelay(Millis(40), Millis(15)); });
  world.time().At(At(22), [&] { world.link(0).SetExtraDelay({}, {}); });
  world.Run();
  Tell("late for 10 s", world, flow);
  EXPECT_LE(static_cast<double>(world.result(flow).missing() + world.result(flow).refused),
            0.01 * static_cast<double>(world.result(flow).offered));
}

// A route that became longer looks like a contest at first, since no pace shortens it. The path is free again all the
// same once that shows: a queue of others would swing.
TEST(Contest, ALongerRouteIsFoundOut) {
  World world(15);
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(10)});
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kStripe, .order = Millis(100)}, .deadline = Millis(250)});
  world.Count(At(55), At(75));
  world.Stream(flow, Mbit(22), false, {}, At(75));
  world.time().At(At(15), [&] { world.link(0).SetExtraDelay(Millis(80), {}); });
  world.Run();
  Tell("longer route", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.97);
}

// Links stall for a moment now and then, as radio links do when they hand over. That is no swinging queue.
TEST(Contest, ALongerRouteIsFoundOutOnALinkThatStallsAtTimesToo) {
  World world(16);
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(10)});
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kStripe, .order = Millis(100)}, .deadline = Millis(250)});
  world.Count(At(55), At(75));
  world.Stream(flow, Mbit(22), false, {}, At(75));
  for (double second = 15; second < 75; second += 4) {
    world.time().At(At(second), [&] { world.link(0).SetExtraDelay(Millis(80), {}); });
    world.time().At(At(second + 2), [&] { world.link(0).SetExtraDelay(Millis(230), {}); });
    world.time().At(At(second + 2.06), [&] { world.link(0).SetExtraDelay(Millis(80), {}); });
  }
  world.Run();
  Tell("longer route, stalls", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.9);
}

}  // namespace
}  // namespace warp::bonding
