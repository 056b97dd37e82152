// A peer, a clock and a control thread that do their worst to the order of one tunnel. Virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "control/tunnel/orderer.h"

namespace warp::control {
namespace {

using namespace std::chrono_literals;
using wire::Drop;
using wire::Duration;
using wire::Instant;

class HostileOrdererTest : public testing::Test {
 protected:
  struct Options {
    Duration hold = 504ms;
    bool resend = true;
    uint8_t path = 1;
    uint32_t life = 1;
  };
  Drop Add(uint32_t sequence) { return Add(sequence, Options()); }
  Drop Add(uint32_t sequence, const Options& options) {
    std::vector<uint8_t> bytes(4);
    std::memcpy(bytes.data(), &sequence, 4);
    const wire::Bytes view(bytes);
    const wire::Route route{.port = options.path,
                            .remote = {wire::IpAddress::V4({192, 0, 2, options.path}), 13116}};
    return orderer_.Add(
        now_, {.number = options.life, .expires = Instant(5000s + options.life * 1s)}, route,
        {.hold = options.hold, .resend = options.resend, .sequence = sequence},
        Delivery(view, std::move(bytes)));
  }
  // A gap, and so many behind it.
  void HoldBack(uint32_t count) {
    Add(0);
    for (uint32_t i = 0; i < count; ++i) Add(2 + i);
    delivered_.clear();
    next_ = 2 + count;
  }
  // The timers as the tunnel sets them.
  void Pass(Duration time) {
    const Instant end = now_ + time;
    while (orderer_.NextTimeout() <= end) {
      now_ = std::max(now_, orderer_.NextTimeout());
      orderer_.HandleTimeout(now_);
      ASSERT_GT(orderer_.NextTimeout(), now_) << "the timer would spin";
    }
    now_ = end;
  }
  std::vector<uint32_t> Take() { return std::exchange(delivered_, {}); }

  Instant now_{1000s};
  uint32_t next_ = 0;
  std::vector<uint32_t> delivered_;
  Orderer orderer_{[this](Delivery&& payload) {
    uint32_t sequence;
    std::memcpy(&sequence, payload.bytes().data(), 4);
    delivered_.push_back(sequence);
  }};
};

// What a gap held up must not stay for as long as more comes: whatever the rate, twice as many leave as come.
TEST_F(HostileOrdererTest, TheBacklogEndsHoweverFastPayloadsCome) {
  for (const uint32_t rate : {10u, 50u, 100u, 300u, 1000u}) {  // a millisecond
    SCOPED_TRACE(rate);
    const Orderer::Counters before = orderer_.counters();
    const uint32_t first = next_;
    if (first == 0) {
      HoldBack(4000);
    } else {
      for (uint32_t i = 0; i < 4000; ++i) Add(first + 1 + i);
      next_ = first + 4001;
    }
    Add(first == 0 ? 1 : first);  // what was missing
    Take();
    int milliseconds = 0;
    for (; orderer_.held() > 0 && milliseconds < 200; ++milliseconds) {
      for (uint32_t i = 0; i < rate; ++i) Add(next_++);
      Pass(1ms);
      ASSERT_LE(Take().size(),
                std::max({2 * size_t{rate}, Orderer::kLeastRun, size_t{512}}) + rate);
    }
    EXPECT_EQ(orderer_.held(), 0u) << "after " << milliseconds << " ms";
    EXPECT_EQ(orderer_.counters().by_room, before.by_room);
    Pass(10ms);
    Take();
  }
}

// A control thread that comes by every 20 ms finds all of their payloads at once, and one timer.
TEST_F(HostileOrdererTest, TheBacklogEndsHoweverLateTheThreadIs) {
  HoldBack(1000);
  Add(1);
  for (int turn = 0; turn < 30; ++turn) {
    now_ += 20ms;
    for (uint32_t i = 0; i < 200; ++i) Add(next_++);
    if (orderer_.NextTimeout() <= now_) orderer_.HandleTimeout(now_);
  }
  EXPECT_EQ(orderer_.held(), 0u);
  EXPECT_EQ(Take().size(), next_ - 1);
}

// As much is held as may be: it need not all leave because one more comes.
TEST_F(HostileOrdererTest, AFullBufferLeavesBitByBitToo) {
  HoldBack(Orderer::kMaxHeld);
  EXPECT_EQ(Take().size(), 0u);
  size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    for (int came = 0; came < 50; ++came) Add(next_++);
    Pass(1ms);
    most = std::max(most, Take().size());
    ASSERT_LE(orderer_.held(), Orderer::kMaxHeld);
  }
  // The gap is given up within a millisecond, in which a share leaves, and another one after it.
  EXPECT_LE(most, 2 * Orderer::kMaxHeld / Orderer::kRunShare);
  EXPECT_EQ(orderer_.held(), 0u);
  EXPECT_EQ(orderer_.counters().by_room, 1u);
}

// Why a gap was given up is known when it is, whatever comes before its turn.
TEST_F(HostileOrdererTest, EachGapIsCountedByItsOwnReason) {
  Add(0);
  for (uint32_t i = 0; i < 1000; ++i) Add(2 + 2 * i);
  Pass(504ms);  // all were given up, and wait for their turn
  ASSERT_GT(orderer_.held(), 0u);
  next_ = 3000;
  while (orderer_.counters().by_room == 0 && next_ < 30'000) Add(next_++);
  EXPECT_EQ(orderer_.counters().by_hold + orderer_.counters().by_room, 1001u);
  EXPECT_EQ(orderer_.counters().by_hold, 1000u);
}

TEST_F(HostileOrdererTest, AnotherLifeInTheMiddleOfARunLosesNothing) {
  HoldBack(1000);
  Add(1);
  ASSERT_GT(orderer_.held(), 0u);
  Add(0, {.life = 2});
  EXPECT_EQ(orderer_.held(), 0u);
  const std::vector<uint32_t> all = Take();
  EXPECT_EQ(all.size(), 1002u);
  EXPECT_EQ(all.back(), 0u);
  EXPECT_EQ(orderer_.NextTimeout(), wire::kNever);
  EXPECT_EQ(Add(500), Drop::kSequenceRepeated);
}

// A sender whose flow may wait no more, in the middle of a run: the order stays, and the run ends.
TEST_F(HostileOrdererTest, HoldOfNothingInTheMiddleOfARun) {
  HoldBack(1000);
  Add(1);
  for (int i = 0; i < 100; ++i) {
    for (int came = 0; came < 100; ++came, next_ += 1 + came % 2) Add(next_, {.hold = 0ms});
    Pass(1ms);
  }
  EXPECT_EQ(orderer_.held(), 0u);
  EXPECT_EQ(orderer_.counters().late, 0u);
  const std::vector<uint32_t> all = Take();
  EXPECT_EQ(all.size(), 11'001u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

// It fills a gap that was given up, while what is behind the gap waits for its turn.
TEST_F(HostileOrdererTest, HoldOfNothingInAGapThatWasGivenUp) {
  Add(0);
  for (uint32_t i = 0; i < 999; i += 3) Add(1001 + i);  // gaps that are given up together
  now_ += 504ms;
  orderer_.HandleTimeout(now_);
  const uint32_t newest = Take().back();
  ASSERT_GT(orderer_.held(), 0u);
  now_ += 1ms;
  EXPECT_EQ(Add(newest + 2, {.hold = 0ms}), Drop::kNone);
  EXPECT_EQ(Add(newest, {.hold = 0ms}), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(newest - 3, {.path = 2}), Drop::kSequenceRepeated);
  Pass(100ms);
  const std::vector<uint32_t> all = Take();
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(all.front(), newest + 2);
  EXPECT_EQ(orderer_.held(), 0u);
}

TEST_F(HostileOrdererTest, SequencesThatWrapInTheMiddleOfARun) {
  const uint32_t first = 0u - 500;
  Add(first - 2);
  Pass(504ms);
  for (uint32_t i = 0; i < 1000; ++i) Add(first + i);
  Pass(1ms);
  Add(first - 1);
  ASSERT_GT(orderer_.held(), 0u);
  EXPECT_EQ(Add(0u - 1), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(1), Drop::kSequenceRepeated);
  Pass(100ms);
  const std::vector<uint32_t> all = Take();
  ASSERT_EQ(all.size(), 1002u);
  for (uint32_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], first - 2 + i);
}

// Whatever is sent, lost, sent again, sent twice, overtaken and held, by whatever clock: each payload comes out once,
// and in order unless it is counted late; no more is held than may be, timers fire once, and in the end nothing stays.
class Driver : public HostileOrdererTest {
 protected:
  void Drive(uint32_t seed) {
    random_.seed(seed);
    const uint32_t first = random_() % 3 == 0 ? 0u - random_() % 5000 : random_();
    const uint32_t rate = 1 + random_() % 300;  // a millisecond
    const uint32_t lost = random_() % 30;       // in a hundred
    // A path's payloads come in their order, and all of what is sent again later.
    std::multimap<Instant, uint32_t> under_way;
    for (int step = 0; step < 150; ++step) {
      const uint32_t count = random_() % 7 == 0 ? 0 : random_() % (2 * rate);
      for (uint32_t i = 0; i < count; ++i, ++sent_) {
        const Duration delay = sent_ % 3 == 0 ? 30ms : 5ms;
        if (random_() % 100 < lost) {
          if (random_() % 2 == 0) under_way.emplace(now_ + 80ms, sent_);
          continue;
        }
        under_way.emplace(now_ + delay, sent_);
        if (random_() % 20 == 0) under_way.emplace(now_ + delay + 3ms, sent_);
      }
      now_ += random_() % 10 == 0 ? Duration(random_() % 40'000'000) : 1ms;  // the thread was late
      // A turn takes what has come first, or looks at its timers first.
      const bool timers_first = random_() % 2 == 0;
      if (timers_first) Fire();
      while (!under_way.empty() && under_way.begin()->first <= now_) {
        const uint32_t sequence = under_way.begin()->second;
        under_way.erase(under_way.begin());
        Come(first, sequence);
      }
      if (!timers_first) Fire();
    }
    for (; !under_way.empty(); under_way.erase(under_way.begin()))
      Come(first, under_way.begin()->second);
    for (int i = 0; i < 3000 && orderer_.held() > 0; ++i) {
      now_ += 1ms;
      Fire();
    }
    Look(first);
    ASSERT_EQ(orderer_.held(), 0u);
    ASSERT_EQ(orderer_.held_bytes(), 0u);
    ASSERT_EQ(orderer_.NextTimeout(), wire::kNever);
    ASSERT_EQ(came_, got_) << "what came and what was delivered";
    ASSERT_EQ(orderer_.counters().late, late_);
  }

 private:
  void Come(uint32_t first, uint32_t sequence) {
    static constexpr Duration kHolds[] = {0ms, 8ms, 48ms, 104ms, 504ms};
    const Duration hold = sequence % 500 < 100 ? kHolds[random_() % 5] : 104ms;
    const Drop drop = Add(first + sequence, {.hold = hold,
                                             .resend = sequence % 1000 < 500,
                                             .path = static_cast<uint8_t>(sequence % 3)});
    ASSERT_EQ(drop == Drop::kNone, came_.insert(sequence).second) << sequence;
    Look(first);
  }
  void Fire() {
    if (orderer_.NextTimeout() > now_) return;
    orderer_.HandleTimeout(now_);
    ASSERT_GT(orderer_.NextTimeout(), now_) << "the timer would spin";
  }
  void Look(uint32_t first) {
    for (const uint32_t one : Take()) {
      const uint32_t sequence = one - first;
      ASSERT_TRUE(got_.insert(sequence).second) << sequence << " came out twice";
      late_ += newest_.has_value() && sequence < *newest_ ? 1 : 0;
      newest_ = std::max(newest_.value_or(0), sequence);
    }
    ASSERT_LE(orderer_.held(), Orderer::kMaxHeld);
    ASSERT_LE(orderer_.held_bytes(), Orderer::kMaxHeldBytes);
    ASSERT_EQ(came_.size(), got_.size() + orderer_.held());
    ASSERT_EQ(orderer_.held() > 0, orderer_.NextTimeout() != wire::kNever);
    if (orderer_.held() > 0) {
      ASSERT_LE(orderer_.NextTimeout(), now_ + Orderer::kMaxHold);
    }
  }

  std::mt19937 random_;
  uint32_t sent_ = 0;
  std::set<uint32_t> came_, got_;
  std::optional<uint32_t> newest_;
  uint64_t late_ = 0;
};

class OrdererDriver : public Driver, public testing::WithParamInterface<uint32_t> {};
TEST_P(OrdererDriver, EverythingComesOutOnce) { Drive(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Seeds, OrdererDriver, testing::Range(1u, 13u));

// Runs of many tunnels that share a room: none holds more than its part where the room is full, and none is forgotten.
TEST(HostileOrdererRoom, RunsOfManyTunnelsEnd) {
  constexpr size_t kRoom = 500'000;
  SharedRoom room(kRoom);
  size_t delivered = 0, came = 0;
  const std::vector<uint8_t> bytes(1000);
  std::deque<Orderer> tunnels;
  Instant now(1000s);
  const auto add = [&](Orderer& orderer, uint32_t sequence) {
    ++came;
    orderer.Add(now, {.number = 1, .expires = Instant(2000s)}, wire::Route(),
                {.hold = 504ms, .resend = true, .sequence = sequence},
                Delivery(bytes, std::vector<uint8_t>()));
  };
  for (int i = 0; i < 20; ++i) {
    add(tunnels.emplace_back([&](Delivery&&) { ++delivered; }, &room), 0);
  }
  for (uint32_t i = 2; i < 200; ++i) {
    for (Orderer& tunnel : tunnels) {
      add(tunnel, i);
      ASSERT_LE(room.used(), 2 * kRoom);
    }
  }
  for (Orderer& tunnel : tunnels) add(tunnel, 1);
  for (int i = 0; i < 100; ++i) {
    now += 1ms;
    for (Orderer& tunnel : tunnels) {
      if (tunnel.NextTimeout() <= now) tunnel.HandleTimeout(now);
    }
  }
  EXPECT_EQ(delivered, came);
  EXPECT_EQ(room.used(), 0u);
  EXPECT_EQ(room.holders(), 0u);
}

}  // namespace
}  // namespace warp::control
