// Whoever wants to hurt the size of a path: a port whose MTU jumps, forged ICMP without end, a peer that asks for more
// and more, and a path that is too narrow to be used.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

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
  uint32_t failed = 9001;  // the smallest probe that was swallowed

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
      if (*probe > mtu) {
        failed = std::min(failed, *probe);
      } else {
        answers_.push_back({now + kRoundTrip, challenge});
      }
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

TEST(SizeAttack, AThousandHintsASecondCostFewProbes) {
  Road road(1500, 1500);
  road.Run(1s);
  const uint32_t before = road.probes;
  road.Run(10s, [&] { road.size.Hint(road.now, 600); });
  EXPECT_EQ(road.size.size(), 1500u);
  EXPECT_LE(road.probes - before, 51u);
}

TEST(SizeAttack, HintsWithoutEndDoNotKeepTheSizeFromBeingFound) {
  for (const bool sweep : {false, true}) {
    Road road(9000, 7777);
    uint32_t hint = 300;
    road.Run(20s, [&] {
      if (sweep) hint = hint >= 8999 ? 300 : hint + 1;
      road.size.Hint(road.now, hint);
    });
    EXPECT_EQ(road.size.size(), 7777u) << sweep;
  }
}

// Each is one byte off what is known already, so that a search that follows them all takes minutes.
TEST(SizeAttack, HintsThatAreOffByOneDoNotLeadTheSearch) {
  for (const bool below : {false, true}) {
    Road road(9000, 7777);
    road.Run(20s, [&] { road.size.Hint(road.now, below ? road.failed - 1 : road.size.size()); });
    EXPECT_EQ(road.size.size(), 7777u) << below;
  }
}

// Just after the size in use was asked for, and once only.
TEST(SizeAttack, AHintBetweenTwoQuestionsIsNotLost) {
  Road road(1500, 1500);
  road.Run(1s);
  road.size.Suspect(road.now);
  road.Run(10ms);
  road.mtu = 1300;
  road.size.Hint(road.now, 1300);
  road.Run(1s);
  EXPECT_EQ(road.size.size(), 1300u);
}

// Payloads are too large for it and leave it out, so that nothing is ever sent over it.
TEST(SizeAttack, APathThatNothingFitsIsAskedAgainWhilePayloadsFlowElsewhere) {
  Road road(1500, 1300);
  road.Run(3s, [&] { road.size.NoteSent(road.now, 0, 0); });
  ASSERT_EQ(road.size.size(), 1300u);
  road.mtu = 1500;
  road.Run(20s, [&] { road.size.NoteSent(road.now, 0, 0); });
  EXPECT_EQ(road.size.size(), 1500u);
}

// --- Between nodes. ---

size_t Padded(VirtualNet& net, int from) {
  const std::vector<Seen> seen = net.TakeSeen();
  return static_cast<size_t>(std::count_if(seen.begin(), seen.end(), [&](const Seen& one) {
    return one.from_node == from && one.datagram.size() > 1000;
  }));
}

TEST(SizeAttack, ForgedIcmpMakesNoStormBetweenNodes) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(5s);
  net.Record(true);
  for (int i = 0; i < 2000; ++i) {
    const PathStatus path = net.node(0).Peers()[0].paths[static_cast<size_t>(i % 4)];
    net.node(0).HintSize(net.now(), std::nullopt, path.remote.address, 300);
    net.Run(1ms);
  }
  EXPECT_LE(Padded(net, 0), 4u * 11);
  const std::vector<PathStatus> paths = net.node(0).Peers()[0].paths;
  EXPECT_EQ(paths.size(), 4u);
  for (const PathStatus& path : paths) EXPECT_EQ(path.size, 1500u);
}

// Its paths grow and shrink by turns, and each time the others are asked for as well.
TEST(SizeAttack, APeerWhoseMtuFlapsMakesNoStorm) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  uint32_t mtu = 1500;
  net.Filter(
      [&](const Seen& seen) { return seen.from_port != 0 || seen.datagram.size() + 28 <= mtu; });
  net.Run(5s);
  net.Record(true);
  for (int i = 0; i < 1000; ++i) {
    mtu = i / 25 % 2 == 0 ? 1300 : 1500;
    for (const int from : {0, 1}) net.Send(from, 1 - from, std::string(1200, 'x'));
    net.node(0).HintSize(net.now(), std::nullopt, net.EndpointOf(1, i % 2).address, 1300);
    net.Run(20ms);
    net.TakeReceived(0);
    net.TakeReceived(1);
  }
  const size_t padded = Padded(net, 0) - 4000;  // payloads over each path
  EXPECT_LE(padded, 4u * 20 * 15);
}

}  // namespace
}  // namespace warp::protocol
