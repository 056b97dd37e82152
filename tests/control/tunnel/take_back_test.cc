// A worker, or its full ring, may refuse a packet before it is sealed. The packet then becomes the application's
// payload again and waits. When a path is available, the payload goes with the MTU and session valid at that time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "control/tunnel/reassembler.h"
#include "tests/control/tunnel/tunnel_sender_fixture.h"

namespace warp::control {
namespace {

using lcore::FakeDataplane;
using std::chrono::milliseconds;
using testing::ElementsAre;
using wire::Drop;
using wire::Instant;

class TakeBackTest : public TunnelSenderTest {
 protected:
  // Returns what was submitted since the last call. The test can then report about each packet.
  std::vector<FakeDataplane::Submitted> Submitted() {
    submitter_.Flush();
    return std::exchange(dataplane_.submitted, {});
  }
  void Refuse(FakeDataplane::Submitted& item, Drop reason) {
    lcore::Completion report = ReportOf(item.request, false);
    report.reason = reason;
    report.plaintext = std::move(item.packet);
    sender_.HandleCompletion(now_, std::move(report));
  }
  // Reports that the packet was sealed and that no path took it.
  void RefuseSealed(FakeDataplane::Submitted& item) {
    lcore::Completion report = ReportOf(item.request, false);
    report.reason = Drop::kTxFull;
    report.sealed = FakeDataplane::MakeSealed(item.packet.bytes());
    item.packet.Reset();
    sender_.HandleCompletion(now_, std::move(report));
  }
  void Take(const FakeDataplane::Submitted& item) {
    sender_.HandleCompletion(now_, ReportOf(item.request, true));
  }
  static lcore::Completion ReportOf(const lcore::SendRequest& request, bool taken) {
    return {.ticket = request.ticket, .taken = taken};
  }
  uint64_t Lost() const {
    uint64_t lost = 0;
    for (size_t i = 0; i < wire::kDropCount; ++i) lost += sender_.drops().Get(static_cast<Drop>(i));
    return lost;
  }
  // Returns the payload that the peer reassembles from these fragments.
  static std::string Whole(const std::vector<FakeDataplane::Submitted>& items) {
    Reassembler reassembler(Reassembler::LimitsFor(wire::kDefaultWindow));
    for (const FakeDataplane::Submitted& item : items) {
      auto result = reassembler.Add(0, 1, item.request.counter, item.packet.bytes());
      EXPECT_FALSE(result.drop.has_value());
      if (result.payload.has_value()) {
        return {result.payload->bytes.begin(), result.payload->bytes.end()};
      }
    }
    return "";
  }
  static std::string Text(size_t size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>(i * 7));
    return text;
  }

  const size_t packets_before_ = FakeDataplane::LivePackets();
};

TEST_F(TakeBackTest, WhatLayInTheRingWhenTheLastPathWentGoesWhenOneIsBack) {
  for (const char* payload : {"one", "two", "three"}) Send(payload);
  auto items = Submitted();
  Disconnect();
  for (auto& item : items) Refuse(item, Drop::kNoPath);
  // Waiting payloads hold no packet buffers.
  EXPECT_EQ(FakeDataplane::LivePackets(), packets_before_);
  EXPECT_EQ(sender_.in_flight(), 0u);
  Pass(50);
  EXPECT_THAT(Sent(), ElementsAre());
  EXPECT_EQ(done_, 0u);
  Connect();
  Pass(1);
  EXPECT_THAT(Sent(), ElementsAre("one", "two", "three"));
  for (size_t i = 0; i < 3; ++i) sender_.HandleCompletion(now_, Report(i, true));
  EXPECT_EQ(sender_.accepted(), 3u);
  EXPECT_EQ(sender_.sent(), 3u);
  EXPECT_EQ(done_, 3u);
  EXPECT_EQ(Lost(), 0u);
}

// A full ring is reported at once, hence before the packets that already lie in it.
TEST_F(TakeBackTest, TheOldestGoesFirstInWhateverOrderTheyComeBack) {
  for (const char* payload : {"1", "2", "3", "4"}) Send(payload);
  auto items = Submitted();
  Refuse(items[3], Drop::kRingFull);
  Send("5");
  Refuse(items[1], Drop::kNoSession);
  RefuseSealed(items[2]);
  Refuse(items[0], Drop::kNoPath);
  std::vector<std::string> order;
  while (sender_.in_flight() + sender_.waiting() > 0) {
    Pass(1);
    submitter_.Flush();
    auto sealed = dataplane_.resubmitted.begin();
    for (size_t i = 0; i <= dataplane_.submitted.size(); ++i) {
      for (; sealed != dataplane_.resubmitted.end() && sealed->after == i; ++sealed) {
        order.emplace_back("sealed 3");
        sender_.HandleCompletion(now_, ReportOf(sealed->request, true));
      }
      if (i == dataplane_.submitted.size()) break;
      const auto& item = dataplane_.submitted[i];
      order.emplace_back(1, static_cast<char>(item.packet.bytes()[wire::kInnerHeaderSize]));
      Take(item);
    }
    dataplane_.submitted.clear();
    dataplane_.resubmitted.clear();
  }
  EXPECT_THAT(order, ElementsAre("1", "2", "sealed 3", "4", "5"));
  EXPECT_EQ(Lost(), 0u);
}

TEST_F(TakeBackTest, ItIsDroppedOnceAndAsLate) {
  Send("x");
  auto items = Submitted();
  Disconnect();
  Refuse(items[0], Drop::kNoPath);
  EXPECT_EQ(sender_.NextTimeout(), now_ + milliseconds(100));
  Pass(99);
  EXPECT_FALSE(sender_.idle());
  Pass(1);
  EXPECT_TRUE(sender_.idle());
  EXPECT_EQ(done_, 1u);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 1u);
  EXPECT_EQ(Lost(), 1u);
}

TEST_F(TakeBackTest, WhatComesBackAfterItsDeadlineIsCountedThen) {
  for (const char* payload : {"x", "y"}) Send(payload);
  auto items = Submitted();
  Pass(99);
  Send("z");
  Pass(1);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 0u);  // a worker has both
  Refuse(items[0], Drop::kNoPath);
  EXPECT_EQ(sender_.waiting(), 0u);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 1u);
  Refuse(items[1], Drop::kNoPath);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 2u);
  EXPECT_EQ(Lost(), 2u);
}

TEST_F(TakeBackTest, WhatNoAttemptCouldHelpIsDroppedByName) {
  Send("x");
  auto items = Submitted();
  lcore::Completion report = ReportOf(items[0].request, false);
  report.reason = Drop::kTooLarge;
  sender_.HandleCompletion(now_, std::move(report));
  EXPECT_EQ(sender_.drops().Get(Drop::kTooLarge), 1u);
  EXPECT_TRUE(sender_.idle());
}

// The route is ready, but the worker does not have its path yet.
TEST_F(TakeBackTest, AWorkerThatRefusesIsAskedOnceAMillisecondAtMost) {
  Send("x");
  size_t attempts = 0;
  for (auto items = Submitted(); !sender_.idle(); items = Submitted()) {
    attempts += items.size();
    for (auto& item : items) Refuse(item, Drop::kNoPath);
    now_ = std::max(now_, sender_.NextTimeout());
    sender_.Pump(now_);
  }
  EXPECT_GT(attempts, 50u);
  EXPECT_LT(attempts, 400u);  // the first retries come faster
  EXPECT_EQ(Lost(), 1u);
}

// --- Fragmented payloads. ---

// A rekey comes while some counters of the old session are spent and others are not. In either case the whole payload
// is fragmented anew.
TEST_F(TakeBackTest, ACutPayloadIsCutAnewUnderTheSessionThereIs) {
  const std::string payload = Text(9000);
  Send(payload);
  auto old = Submitted();
  ASSERT_EQ(old.size(), 7u);
  Take(old[0]);
  RefuseSealed(old[1]);
  Disconnect();
  Refuse(old[2], Drop::kNoSession);
  EXPECT_EQ(sender_.in_flight(), 0u);
  Refuse(old[3], Drop::kNoSession);
  Take(old[4]);  // another worker reports late
  EXPECT_EQ(sender_.waiting(), 1u);
  old.clear();
  EXPECT_EQ(FakeDataplane::LivePackets(), packets_before_);  // the sealed packet was freed as well

  Connect(/*session_index=*/100);
  Pass(10);
  const auto anew = Submitted();
  ASSERT_EQ(anew.size(), 7u);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(anew[i].request.session_index, 100u);
    EXPECT_EQ(anew[i].request.counter, i);
  }
  EXPECT_EQ(Whole(anew), payload);
  EXPECT_TRUE(dataplane_.resubmitted.empty());
  for (const auto& item : anew) {
    EXPECT_EQ(done_, 0u);
    Take(item);
  }
  EXPECT_EQ(done_, 1u);
  EXPECT_EQ(sender_.sent(), 1u);
  EXPECT_EQ(Lost(), 0u);
}

// After a rekey the old session still exists, and some of its counters may be spent. No counter may be used twice.
TEST_F(TakeBackTest, CountersThatWereNotUsedAreNotUsedLater) {
  Send(Text(9000));
  auto old = Submitted();
  for (auto& item : old) Refuse(item, Drop::kNoPath);
  Pass(1);
  const auto anew = Submitted();
  ASSERT_EQ(anew.size(), 7u);
  EXPECT_EQ(anew[0].request.counter, 7u);
}

TEST_F(TakeBackTest, WhatDoesNotFitTheNewPathsIsCut) {
  const std::string payload = Text(1300);
  Send(payload);
  auto items = Submitted();
  ASSERT_EQ(items.size(), 1u);
  Refuse(items[0], Drop::kNoPath);
  route_.max_plaintext = 600;
  Pass(1);
  items = Submitted();
  EXPECT_EQ(items.size(), 3u);
  EXPECT_EQ(Whole(items), payload);
}

TEST_F(TakeBackTest, WhatFitsTheNewPathsGoesInOnePiece) {
  route_.max_plaintext = 600;
  Send(Text(1300));
  auto items = Submitted();
  ASSERT_EQ(items.size(), 3u);
  Refuse(items[1], Drop::kNoPath);
  route_.max_plaintext = 1404;
  Pass(1);
  EXPECT_THAT(Sent(), ElementsAre(Text(1300)));
}

// Narrow paths are left out of what fits another one. What has to be cut is cut for all paths, but where the narrowest
// would need too many pieces.
TEST_F(TakeBackTest, ThePathsOfAPeerHaveSizesOfTheirOwn) {
  route_.max_fragment = 700;
  Send(Text(1400));
  EXPECT_EQ(Submitted().size(), 1u);
  Send(Text(1401));
  auto items = Submitted();
  EXPECT_EQ(items.size(), 3u);
  for (const auto& item : items) EXPECT_LE(item.packet.bytes().size(), 700u);
  route_.max_fragment = 9;
  Send(Text(1401));
  EXPECT_EQ(Submitted().size(), 2u);
}

// The payload needs more slots than are free. The sealed packets behind it hold the others, so those must go first.
TEST_F(TakeBackTest, ItDoesNotStandInTheWayOfWhatHoldsItsSlots) {
  Send(Text(9000));
  for (int i = 0; i < 53; ++i) Send("x");
  auto items = Submitted();
  ASSERT_EQ(items.size(), 60u);
  for (size_t i = 7; i < 60; ++i) RefuseSealed(items[i]);
  Refuse(items[0], Drop::kNoPath);
  route_.max_plaintext = 700;  // the payload now needs 14 packets
  size_t cut = 0;
  for (int ms = 0; ms < 50 && cut == 0; ++ms) {
    Pass(1);
    for (auto& item : dataplane_.resubmitted)
      sender_.HandleCompletion(now_, ReportOf(item.request, true));
    dataplane_.resubmitted.clear();
    cut = Submitted().size();
  }
  EXPECT_EQ(cut, 14u);
  EXPECT_EQ(sender_.sent(), 7u);
}

}  // namespace
}  // namespace warp::control
