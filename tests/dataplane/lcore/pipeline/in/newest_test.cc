// The newest payload of each path: what a sender that spreads payloads hears of its paths.
#include <gtest/gtest.h>
#include <rte_cycles.h>

#include <chrono>
#include <string>
#include <vector>

#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// --- The cell. ---

constexpr uint64_t kSecond = uint64_t{1} << 30;  // in ticks

void Note(NewestCell& cell, uint32_t session, uint64_t counter, uint64_t cycles,
          wire::Instant expires = wire::kNever) {
  cell.Note({session, expires}, counter, cycles, 1e9 / kSecond);
}

TEST(NewestCell, IsEmptyAtFirst) { EXPECT_FALSE(NewestCell().Read()); }

TEST(NewestCell, KnowsAnyTime) {
  for (const uint64_t cycles :
       {uint64_t{0}, uint64_t{1023}, uint64_t{1024}, (uint64_t{1} << 32) - 1, uint64_t{1} << 32,
        uint64_t{1} << 34, (uint64_t{1} << 40) + 77777, UINT64_MAX - 5000}) {
    NewestCell cell;
    Note(cell, 0x12345678, 99, cycles);
    const NewestCell::Reading reading = *cell.Read();
    EXPECT_EQ(reading.cycles, cycles / 1024 * 1024);
    EXPECT_EQ(reading.counter, 99u);
    EXPECT_EQ(reading.session, 0x78);
  }
}

TEST(NewestCell, GoesOnlyForwardInASession) {
  NewestCell cell;
  Note(cell, 7, 0, 1 << 20);
  EXPECT_EQ(cell.Read()->counter, 0u);
  Note(cell, 7, 10, 2 << 20);
  Note(cell, 7, 9, 3 << 20);
  Note(cell, 7, 10, 4 << 20);
  EXPECT_EQ(cell.Read()->counter, 10u);
  EXPECT_EQ(cell.Read()->cycles, 2u << 20);
  // A session counts for itself, though the low byte of its index be the same.
  Note(cell, 7 + 256, 3, 5 << 20);
  EXPECT_EQ(cell.Read()->counter, 3u);
  EXPECT_EQ(cell.Read()->cycles, 5u << 20);
  // Only the low half of a counter is kept.
  Note(cell, 9, 0xffff'fffe, 6 << 20);
  Note(cell, 9, 0x1'0000'0001, 7 << 20);
  EXPECT_EQ(cell.Read()->counter, 1u);
}

// Of two sessions, the one that ends later is the one that payloads come in, unless it has brought none for a second.
TEST(NewestCell, ASessionThatEndsSoonerTakesNothing) {
  const wire::Instant soon{hours(1)}, later{hours(2)};
  NewestCell cell;
  Note(cell, 7, 10, 1 << 20, soon);
  Note(cell, 8, 20, 2 << 20, later);
  Note(cell, 7, 11, 3 << 20, soon);
  EXPECT_EQ(cell.Read()->counter, 20u);
  Note(cell, 8, 19, 4 << 20, later);  // that one did not make room for an old one either
  EXPECT_EQ(cell.Read()->counter, 20u);
  EXPECT_EQ(cell.Read()->cycles, 2u << 20);
  Note(cell, 7, 12, (2 << 20) + kSecond, soon);
  EXPECT_EQ(cell.Read()->counter, 12u);
  Note(cell, 8, 21, (3 << 20) + kSecond, later);
  EXPECT_EQ(cell.Read()->counter, 21u);
}

// --- The pipeline. ---

class Newest : public testing::Test {
 protected:
  std::optional<NewestArrival> Of(size_t i) { return net_.b().plane().Newest(net_.b().path(i, 0)); }
  // The counter of the newest that came over path i, or -1.
  int64_t CounterOf(size_t i) {
    const std::optional<NewestArrival> newest = Of(i);
    return newest ? int64_t{newest->counter} : -1;
  }
  // The two paths lead to ports of their own, which one worker has.
  void Send(const std::string& payload, wire::PathMask paths = wire::kAllPaths) {
    ASSERT_TRUE(net_.a().SendAs(payload, {.paths = paths}));
    net_.Settle();
    net_.b().Received();
  }
  static void PassBy(milliseconds time) {
    const uint64_t end =
        rte_rdtsc() + rte_get_tsc_hz() / 1000 * static_cast<uint64_t>(time.count());
    while (rte_rdtsc() < end) {
    }
  }
  static std::string Payload() { return std::string("\1\0\1\0text", 8); }
  static std::string Control() { return "\3 message"; }

  Network net_{{.ports = 1}, {.ports = 2}};
  const wire::PathMask first_ = Node::MaskOf(0, 0), second_ = Node::MaskOf(0, 1);
};

TEST_F(Newest, EachPathHasItsOwn) {
  EXPECT_EQ(CounterOf(0), -1);
  Send(Payload(), first_);
  EXPECT_EQ(CounterOf(0), 0);
  EXPECT_EQ(CounterOf(1), -1);
  Send(Payload(), second_);
  Send(Payload(), second_);
  EXPECT_EQ(CounterOf(0), 0);
  EXPECT_EQ(CounterOf(1), 2);
  EXPECT_EQ(Of(1)->session, net_.sessions().b->local_index() % 256);
}

// One of the two is the duplicate.
TEST_F(Newest, DuplicatesCount) {
  Send(Payload());
  Send(Payload());
  EXPECT_EQ(net_.b().Drops(wire::Drop::kDuplicate), 2u);
  EXPECT_EQ(CounterOf(0), 1);
  EXPECT_EQ(CounterOf(1), 1);
}

TEST_F(Newest, ControlMessagesDoNot) {
  Send(Control(), first_);
  EXPECT_EQ(CounterOf(0), -1);
  Send(Payload(), first_);
  Send(Control(), first_);
  EXPECT_EQ(CounterOf(0), 1);
  EXPECT_EQ(net_.b().path(0, 0).rx_first.Get(), 3u);
}

// In one burst, whatever stands at its end.
TEST_F(Newest, ABurstMovesItToItsNewestPayload) {
  for (int i = 0; i < 3; ++i) net_.a().SendAs(Payload(), {.paths = first_});
  net_.a().SendAs(Control(), {.paths = first_});
  net_.Collect();
  ASSERT_EQ(net_.in_flight().size(), 4u);
  std::swap(net_.in_flight()[0], net_.in_flight()[2]);
  net_.Settle();
  EXPECT_EQ(CounterOf(0), 2);
  net_.b().Received();
}

TEST_F(Newest, AgesSinceItCame) {
  Send(Payload(), first_);
  Send(Payload(), second_);
  PassBy(milliseconds(20));
  EXPECT_GE(Of(0)->age,
            milliseconds(19));  // the rate of the time-stamp counter is known to a hundredth
  EXPECT_LT(Of(0)->age, hours(1));
  Send(Payload(), second_);
  EXPECT_LT(Of(1)->age, Of(0)->age - milliseconds(19));
}

// What was held back or sent again takes the path back to nowhere, and neither does what was forged.
TEST_F(Newest, OldAndForgedPacketsDoNotMoveIt) {
  Send(Payload(), first_);
  net_.a().SendAs(Payload(), {.paths = first_});
  net_.Collect();
  const FrameBytes late = net_.in_flight().front();
  net_.in_flight().clear();
  Send(Payload(), first_);
  PassBy(milliseconds(20));
  net_.Deliver(late);
  net_.Deliver(late);
  FrameBytes forged = late;
  forged[forged.size() - 1] ^= 1;
  forged[14 + 20 + 8 + 8] = 9;  // the counter
  net_.Deliver(forged);
  net_.Settle();
  net_.b().Received();
  EXPECT_EQ(net_.b().path(0, 0).rx_first.Get(), 3u);
  EXPECT_EQ(net_.b().path(0, 0).rx_duplicate.Get(), 1u);
  EXPECT_EQ(net_.b().Drops(wire::Drop::kUnauthentic), 1u);
  EXPECT_EQ(CounterOf(0), 2);
  EXPECT_GE(Of(0)->age, milliseconds(19));
}

TEST_F(Newest, ANewSessionBeginsAnew) {
  for (int i = 0; i < 5; ++i) Send(Payload(), first_);
  const SessionPair next = MakeSessions(2);
  net_.a().SetSendSession(next.a);
  net_.b().AddReceiveSession(next.b);
  net_.a().Publish();
  net_.b().Publish();
  Send(Payload(), first_);
  EXPECT_EQ(CounterOf(0), 0);
  EXPECT_EQ(Of(0)->session, next.b->local_index() % 256);
}

// Somebody has recorded packets of the session before, and sends them again and again.
TEST_F(Newest, ARecordingOfTheSessionBeforeHidesNoPath) {
  const auto use = [this](uint32_t salt, wire::Instant expires) {
    const SessionPair next = MakeSessions(salt, wire::Cipher::kChaCha20Poly1305, 2048, expires);
    net_.a().SetSendSession(next.a);
    net_.b().AddReceiveSession(next.b);
    net_.a().Publish();
    net_.b().Publish();
    return next.b->local_index() % 256;
  };
  use(2, wire::kNever - hours(2));
  ASSERT_TRUE(net_.a().SendAs(Payload(), {.paths = first_}));
  net_.Collect();
  const FrameBytes recorded = net_.in_flight().front();
  net_.Settle();
  const uint32_t in_use = use(3, wire::kNever - hours(1));
  Send(Payload(), first_);
  EXPECT_EQ(Of(0)->session, in_use);
  for (int i = 0; i < 3; ++i) net_.Deliver(recorded);
  net_.Settle();
  net_.b().Received();
  EXPECT_EQ(net_.b().path(0, 0).rx_duplicate.Get(), 3u);
  EXPECT_EQ(Of(0)->session, in_use);
}

}  // namespace
}  // namespace warp::lcore
