// Whoever wants to hurt the size of a path: a port whose MTU jumps.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "control/protocol/path/path_size.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

constexpr PathSize::Pace kPace{.interval = 25ms, .patience = 40ms};
constexpr Duration kRoundTrip = 2ms;

// A hop that swallows what is larger than `mtu`, and answers the rest.
struct Road {
  PathSize size;
  uint32_t mtu;
  Instant now{1h};
  uint32_t probes = 0;

  Road(uint32_t limit, uint32_t carries) : size(limit), mtu(carries) { size.Begin(now); }

  template <typename Each>
  void Run(Duration duration, Each each) {
    for (const Instant end = now + duration; now < end; now += 1ms) {
      each();
      for (int turn = 0; turn < 10; ++turn) Turn();
      ASSERT_GT(size.next_timeout(), now) << "what is due is done";
    }
  }
  void Run(Duration duration) {
    Run(duration, [] {});
  }

 private:
  void Turn() {
    if (size.Unanswered(now)) size.Conclude(now, true);
    const Challenge challenge{static_cast<uint8_t>(++serial_), static_cast<uint8_t>(serial_ >> 8),
                              static_cast<uint8_t>(serial_ >> 16)};
    if (const auto probe = size.TakeProbe(now, kPace, challenge)) {
      ++probes;
      if (*probe <= mtu) answers_.push_back({now + kRoundTrip, challenge});
    }
    while (!answers_.empty() && answers_.front().first <= now) {
      bool changed = false;
      size.HandleAnswer(now, answers_.front().second, &changed);
      answers_.pop_front();
    }
  }
  uint32_t serial_ = 0;
  std::deque<std::pair<Instant, Challenge>> answers_;
};

// Whatever the question before it was, and however it ended.
TEST(SizeAttack, APortWhoseMtuJumpsIsFollowedAtAnyMoment) {
  for (int at_ms = 0; at_ms < 400; at_ms += 7) {
    for (const uint32_t jump : {600u, 1400u, 9000u}) {
      SCOPED_TRACE(::testing::Message() << at_ms << " ms, to " << jump);
      Road road(1500, 1300);
      road.Run(std::chrono::milliseconds(at_ms));
      road.size.SetLimit(jump);
      road.Run(3s);
      EXPECT_EQ(road.size.size(), std::min(jump, road.mtu));
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace warp::protocol
