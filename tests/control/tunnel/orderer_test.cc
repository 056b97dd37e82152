// What one tunnel delivers when its payloads come out of order, late, twice or never. Virtual time.
#include "control/tunnel/orderer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace warp::control {
namespace {

using namespace std::chrono_literals;
using wire::Drop;
using wire::Duration;
using wire::Instant;

constexpr uint32_t kLife = 77;

wire::Route Path(int n) {
  return {.port = static_cast<wire::PortId>(n),
          .remote = {wire::IpAddress::V4({192, 0, 2, static_cast<uint8_t>(n)}), 13116}};
}

class OrdererTest : public testing::Test {
 protected:
  // A payload says its sequence.
  Drop Add(uint32_t sequence, int path = 0, Duration hold = 104ms, bool resend = false,
           uint32_t life = kLife, size_t size = 4) {
    std::vector<uint8_t> bytes(std::max<size_t>(size, 4));
    for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(sequence >> 8 * i);
    const wire::Bytes view(bytes);
    // Without a word, a life has one session, which is made when it sends its first payload.
    const auto session =
        sessions_.try_emplace(life, now_ + 180s + Duration(sessions_.size())).first;
    return orderer_.Add(now_, {.number = life, .expires = session->second}, Path(path),
                        {.tunnel_id = 1, .hold = hold, .resend = resend, .sequence = sequence},
                        Delivery(view, std::move(bytes)));
  }
  void Pass(Duration time) {
    const Instant end = now_ + time;
    while (orderer_.NextTimeout() <= end) {
      now_ = std::max(now_, orderer_.NextTimeout());
      orderer_.HandleTimeout(now_);
    }
    now_ = end;
  }
  // So many payloads in order, one each 2 ms, over these paths in turn: longer than hold.
  void Flow(uint32_t count, const std::vector<int>& paths) {
    for (uint32_t i = 0; i < count; ++i) {
      Add(i, paths[i % paths.size()]);
      Pass(2ms);
    }
    EXPECT_EQ(Take().size(), count);
  }
  std::vector<uint32_t> Take() { return std::exchange(delivered_, {}); }

  using Sequences = std::vector<uint32_t>;
  Instant now_{1000s};
  std::map<uint32_t, Instant> sessions_;  // of each life: when it expires
  std::vector<uint32_t> delivered_;
  Orderer orderer_{[this](Delivery payload) {
    uint32_t sequence = 0;
    for (size_t i = 0; i < 4; ++i) sequence |= uint32_t{payload.bytes()[i]} << 8 * i;
    delivered_.push_back(sequence);
  }};
};

TEST_F(OrdererTest, WhatIsInOrderGoesAtOnce) {
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(Add(i), Drop::kNone);
    EXPECT_EQ(Take(), Sequences{i});
  }
  EXPECT_EQ(orderer_.counters().held, 0u);
  EXPECT_EQ(orderer_.NextTimeout(), wire::kNever);
}

TEST_F(OrdererTest, HoldsUntilTheGapIsFilled) {
  Add(0, 1);
  Add(1, 2);
  Add(3, 1);
  Add(4, 1);
  Add(6, 1);
  EXPECT_EQ(Take(), (Sequences{0, 1}));
  Add(2, 2);
  EXPECT_EQ(Take(), (Sequences{2, 3, 4}));
  Add(5, 2);
  EXPECT_EQ(Take(), (Sequences{5, 6}));
  EXPECT_EQ(orderer_.counters().held, 3u);
  EXPECT_EQ(orderer_.counters().late, 0u);
  EXPECT_EQ(orderer_.held_bytes(), 0u);
}

// The buffer of an application's socket has room for less than a hundred payloads, where nobody chose its size.
TEST_F(OrdererTest, WhatAGapHeldUpDoesNotLeaveAllAtOnce) {
  Add(0);
  for (uint32_t i = 2; i < 1000; ++i) {
    Add(i, 0, 504ms, true);
    if (i % 7 == 0) Pass(1ms);
  }
  Add(1);
  Sequences all = Take();
  EXPECT_GT(all.size(), 1u);
  EXPECT_LE(all.size(), 2u + std::max(Orderer::kLeastRun, 998 / Orderer::kRunShare));
  // What comes meanwhile stays behind, and what comes twice is known.
  uint32_t next = 1000;
  size_t most = 0;
  for (int i = 0; i < 40; ++i) {
    for (int came = 0; came < 7; ++came) Add(next++, 0, 504ms, true);
    EXPECT_EQ(Add(next - 1, 1, 504ms, true), Drop::kSequenceRepeated);
    const Sequences before = Take();
    all.insert(all.end(), before.begin(), before.end());
    Pass(1ms);
    const Sequences run = Take();
    most = std::max(most, run.size() + before.size());
    all.insert(all.end(), run.begin(), run.end());
  }
  EXPECT_LE(most, 64u + 7);
  EXPECT_EQ(orderer_.held(), 0u) << "within some hundredths of a second all of it has left";
  ASSERT_EQ(all.size(), next);
  for (uint32_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i);
  EXPECT_EQ(orderer_.counters().late, 0u);
  EXPECT_EQ(orderer_.NextTimeout(), wire::kNever);
}

TEST_F(OrdererTest, RunsKeepUpWithWhatComes) {
  Add(0);
  for (uint32_t i = 2; i < 8000; ++i) Add(i, 0, 504ms, true);
  Add(1);
  uint32_t next = 8000;
  for (int i = 0; i < 40; ++i) {
    for (int came = 0; came < 1000; ++came) Add(next++, 0, 504ms, true);
    Pass(1ms);
  }
  EXPECT_EQ(orderer_.held(), 0u);
  EXPECT_EQ(orderer_.counters().by_room, 0u);
}

TEST_F(OrdererTest, GapsThatAreGivenUpWaitForTheirTurnToo) {
  Add(0);
  for (uint32_t i = 2; i < 1000; i += 2) {
    Add(i, 0, 504ms, true);
    if (i % 14 == 0) Pass(1ms);
  }
  EXPECT_EQ(Take(), Sequences{0});
  Add(1000, 0, 0ms);  // every second one is given up, and the others leave bit by bit
  EXPECT_GT(orderer_.held(), 0u);
  const Sequences first = Take();
  const uint32_t last = first.back();
  Add(last + 1, 0, 504ms, true);  // it is not too late for this one
  Add(1001, 0, 504ms, true);
  Pass(100ms);
  const Sequences rest = Take();
  EXPECT_EQ(rest.front(), last + 1);
  EXPECT_EQ(rest.back(), 1001u);
  EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));
  EXPECT_EQ(first.size() + rest.size(), 499u + 3);
  EXPECT_EQ(orderer_.held(), 0u);
  EXPECT_EQ(orderer_.counters().late, 0u);
}

TEST_F(OrdererTest, WhatNeedNotWaitStaysBehindWhatDoes) {
  Add(0);
  for (uint32_t i = 2; i < 500; ++i) Add(i, 0, 104ms, true);
  Add(1);
  EXPECT_EQ(Add(500, 0, 0ms), Drop::kNone);
  Pass(100ms);
  const Sequences all = Take();
  ASSERT_EQ(all.size(), 501u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

// Paths do not overtake themselves: where each has brought something later, what is missing was lost.
TEST_F(OrdererTest, AGapIsProvenByEveryPath) {
  Flow(100, {1, 2});
  Add(101, 1);  // 100 may still come over the second path
  EXPECT_EQ(Take(), Sequences());
  Pass(10ms);
  Add(103, 1);
  EXPECT_EQ(Take(), Sequences());
  Add(102, 2);
  EXPECT_EQ(Take(), (Sequences{101, 102, 103}));
  EXPECT_EQ(orderer_.counters().by_proof, 1u);
  EXPECT_EQ(orderer_.counters().by_hold, 0u);
}

TEST_F(OrdererTest, OnePathAloneProvesAtOnce) {
  Flow(100, {1});
  for (uint32_t i = 0; i < 100; ++i) Add(101 + i * 2, 1);
  EXPECT_EQ(Take().size(), 100u);
  EXPECT_EQ(orderer_.counters().by_proof, 100u);
}

TEST_F(OrdererTest, APathThatFellSilentProvesNothingAndHindersNothing) {
  Flow(100, {1, 2});
  for (uint32_t i = 100; i < 111; ++i) {
    Add(i, 1);
    Pass(10ms);  // all in all longer than hold
  }
  Take();
  Add(112, 1);
  EXPECT_EQ(Take(), Sequences{112});
  EXPECT_EQ(orderer_.counters().by_proof, 1u);
}

// When payloads begin to come, or come again, slower paths have brought nothing yet.
TEST_F(OrdererTest, AtFirstNothingIsProven) {
  for (uint32_t first = 0; first < 2000; first += 1000) {
    Add(first + 1, 1);
    Add(first + 2, 1);
    Pass(50ms);
    EXPECT_EQ(Take(), Sequences());
    Add(first + 0, 2);
    // Those between were not sent, as far as anybody knows.
    Pass(104ms);
    EXPECT_EQ(Take(), (Sequences{first, first + 1, first + 2}));
    EXPECT_EQ(orderer_.counters().by_proof, 0u);
    Pass(5s);
  }
}

TEST_F(OrdererTest, WhereLostOnesAreSentAgainProofIsNone) {
  Add(0, 1, 104ms, true);
  Add(1, 2, 104ms, true);
  Add(3, 1, 104ms, true);
  Add(4, 2, 104ms, true);
  EXPECT_EQ(Take(), (Sequences{0, 1}));
  Pass(60ms);
  EXPECT_EQ(Add(2, 2, 104ms, true), Drop::kNone);  // sent again, over the other path
  EXPECT_EQ(Take(), (Sequences{2, 3, 4}));
  EXPECT_EQ(Add(2, 1, 104ms, true),
            Drop::kSequenceRepeated);  // the first one was not lost after all
  EXPECT_EQ(Take(), Sequences());
  EXPECT_EQ(orderer_.counters().repeated, 1u);
}

TEST_F(OrdererTest, HoldCountsFromTheFirstPayloadBehindTheGap) {
  Add(0, 1, 104ms, true);
  Add(7, 1, 104ms, true);  // at 0 ms
  Pass(50ms);
  Add(3, 1, 104ms, true);  // at 50 ms: before the other, but behind the same gap
  Pass(53ms);
  EXPECT_EQ(Take(), Sequences{0});
  Pass(1ms);
  EXPECT_EQ(Take(), (Sequences{3, 7}));
  EXPECT_EQ(orderer_.counters().by_hold, 2u);
  EXPECT_EQ(orderer_.NextTimeout(), wire::kNever);

  Add(10, 1, 104ms, true);  // a gap behind the first gap has its own time
  Pass(50ms);
  Add(12, 1, 104ms, true);
  Pass(54ms);
  EXPECT_EQ(Take(), Sequences{10});
  Pass(50ms);
  EXPECT_EQ(Take(), Sequences{12});
}

TEST_F(OrdererTest, EachPayloadHasTheHoldThatItSays) {
  Add(0, 1, 104ms, true);
  Add(2, 1, 800ms, true);
  Add(4, 1, 80ms, true);  // everything before it is released with it
  Add(6, 1, 400ms, true);
  Pass(80ms);
  EXPECT_EQ(Take(), (Sequences{0, 2, 4}));
  Pass(320ms);
  EXPECT_EQ(Take(), Sequences{6});
  // At most a second, whatever the sender says.
  Add(8, 1, 1016ms, true);
  EXPECT_EQ(orderer_.NextTimeout(), now_ + 1s);
}

TEST_F(OrdererTest, LateOnesGoAtOnceAndOnlyOnce) {
  Add(0, 1, 104ms, true);
  Add(2, 1, 104ms, true);
  Pass(104ms);
  EXPECT_EQ(Take(), (Sequences{0, 2}));
  EXPECT_EQ(Add(1, 2), Drop::kNone);
  EXPECT_EQ(Take(), Sequences{1});
  EXPECT_EQ(orderer_.counters().late, 1u);
  EXPECT_EQ(Add(1, 1), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(0, 1), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(2, 1), Drop::kSequenceRepeated);
  EXPECT_EQ(Take(), Sequences());
}

TEST_F(OrdererTest, WithoutHoldNothingWaits) {
  Add(0, 1, 0ms);
  Add(5, 1, 0ms);
  Add(3, 2, 0ms, true);
  Add(4, 2, 0ms);
  EXPECT_EQ(Take(), (Sequences{0, 5, 3, 4}));
  EXPECT_EQ(orderer_.counters().held, 0u);
  // What is held goes first where the sender ceases to want order.
  Add(8, 1, 104ms, true);
  Add(7, 1, 104ms, true);
  Add(10, 1, 0ms);
  EXPECT_EQ(Take(), (Sequences{7, 8, 10}));
  EXPECT_EQ(orderer_.NextTimeout(), wire::kNever);
}

TEST_F(OrdererTest, WhatIsHeldIsKnownToo) {
  Add(0);
  Add(1, 2);
  EXPECT_EQ(Add(3, 1, 104ms, true), Drop::kNone);
  EXPECT_EQ(Add(3, 2, 104ms, true), Drop::kSequenceRepeated);
  Pass(200ms);
  EXPECT_EQ(Take(), (Sequences{0, 1, 3}));
}

TEST_F(OrdererTest, SequencesGoOnBeyondTheirLast) {
  const uint32_t last = 0xffffffff;
  for (uint32_t i = 0; i < 10; ++i) Add(last - 9 + i, 1);
  Pass(1s);
  EXPECT_EQ(Take().size(), 10u);
  Add(1, 1, 104ms, true);
  EXPECT_EQ(Add(last, 1), Drop::kSequenceRepeated);
  EXPECT_EQ(Take(), Sequences());
  Add(0, 1);
  EXPECT_EQ(Take(), (Sequences{0, 1}));
  EXPECT_EQ(orderer_.counters().late, 0u);
}

// A receiver that was started in the middle does not know what came before. It waits for that as for any gap.
TEST_F(OrdererTest, BeginsInTheMiddle) {
  for (const uint32_t first : {5u, 5000u, 0x80000000u, 0xfffffff0u}) {
    const uint32_t life = kLife + first;
    Add(first, 1, 104ms, true, life);
    Add(first - 2, 2, 104ms, true, life);
    EXPECT_EQ(Take(), Sequences()) << first;
    Pass(104ms);
    EXPECT_EQ(Take(), (Sequences{first - 2, first})) << first;
    Add(first + 1, 1, 104ms, true, life);
    EXPECT_EQ(Take(), Sequences{first + 1}) << first;
  }
  Add(0, 1, 104ms, true, 1);
  EXPECT_EQ(Take(), Sequences{0});  // the very first waits for nothing
}

TEST_F(OrdererTest, InAnotherLifeEverythingBeginsAnew) {
  for (uint32_t i = 0; i < 100; ++i) Add(i);
  Add(101, 1, 104ms, true);
  Take();
  Add(0, 1, 104ms, true, kLife + 1);
  EXPECT_EQ(Take(), (Sequences{101, 0}));  // what was held goes first
  EXPECT_EQ(orderer_.NextTimeout(), wire::kNever);
  // Sequences of the life before are still under way, and change nothing.
  EXPECT_EQ(Add(100, 2), Drop::kNone);
  EXPECT_EQ(Take(), Sequences{100});
  Add(1, 1, 104ms, true, kLife + 1);
  EXPECT_EQ(Take(), Sequences{1});
  EXPECT_EQ(Add(1, 2, 104ms, true, kLife + 1), Drop::kSequenceRepeated);
}

// A payload may be under way while its sender is started anew, twice or before anything else came of it: whatever comes
// of lives that are over, the one that goes on keeps its order, and has nothing twice.
TEST_F(OrdererTest, StragglersOfLivesBeforeChangeNothing) {
  sessions_ = {{1, now_}, {2, now_ + 1s}, {3, now_ + 2s}};
  const auto expect_order = [&](uint32_t first, uint32_t life) {
    Add(first + 1, 1, 104ms, true, life);
    EXPECT_EQ(Take(), Sequences());
    Add(first, 1, 104ms, true, life);
    EXPECT_EQ(Take(), (Sequences{first, first + 1}));
    EXPECT_EQ(Add(first, 2, 104ms, true, life), Drop::kSequenceRepeated);
    EXPECT_EQ(Take(), Sequences());
  };
  expect_order(0, 2);
  EXPECT_EQ(Add(5000, 2, 104ms, true, 1), Drop::kNone);  // the first that comes of this life
  EXPECT_EQ(Take(), Sequences{5000});
  expect_order(2, 2);
  expect_order(0, 3);
  Add(5001, 2, 104ms, true, 1);
  Add(9, 2, 104ms, true, 2);
  Add(5002, 2, 104ms, true, 1);
  EXPECT_EQ(Take(), (Sequences{5001, 9, 5002}));
  expect_order(2, 3);
  // Another session is of the same life.
  sessions_[3] += 1s;
  expect_order(4, 3);
}

TEST_F(OrdererTest, HoldsNoMoreThanItMay) {
  Add(0, 1, 1s, true);
  for (uint32_t i = 0; i < 2 * Orderer::kMaxHeld; ++i) {
    Add(2 + 2 * i, 1, 1s, true);
    ASSERT_LE(orderer_.held(), Orderer::kMaxHeld);
  }
  EXPECT_EQ(orderer_.counters().by_room, Orderer::kMaxHeld);
  EXPECT_EQ(Take().size(), 1 + Orderer::kMaxHeld);  // the oldest
  Pass(1100ms);
  Sequences rest = Take();
  EXPECT_EQ(rest.size(), Orderer::kMaxHeld);
  EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));

  const uint32_t next = 10 * Orderer::kMaxHeld;
  for (uint32_t i = 0; i < 300; ++i) {
    Add(next + i, 1, 1s, true, kLife, 65536);
    ASSERT_LE(orderer_.held_bytes(), Orderer::kMaxHeldBytes);
  }
  EXPECT_EQ(orderer_.counters().by_room, Orderer::kMaxHeld + 1);  // one gap in front of all
  Pass(10ms);
  EXPECT_EQ(Take().size(), 300u);
}

TEST_F(OrdererTest, RemembersSixtyFiveThousand) {
  Add(0, 1);
  for (uint32_t i = 2; i <= Orderer::kRemembered + 1; ++i) {
    Add(i, 1);
    Pass(100us);
  }
  EXPECT_EQ(Take().size(), Orderer::kRemembered + 1);
  EXPECT_EQ(Add(2, 1), Drop::kSequenceRepeated);  // the oldest that is remembered
  EXPECT_EQ(Add(1, 1), Drop::kSequenceTooOld);
  EXPECT_EQ(Add(0, 1), Drop::kSequenceTooOld);
  EXPECT_EQ(Take(), Sequences());
}

// A hostile peer jumps, forward and back, by whatever step, and asks for the longest holds. Nothing is delivered twice
// within what is remembered, nothing is kept longer than a second, and memory is bounded.
TEST_F(OrdererTest, JumpsDoNoHarm) {
  std::mt19937 random(1);
  std::map<uint32_t, int> times;
  uint32_t sequence = 0;
  for (int i = 0; i < 20000; ++i) {
    switch (random() % 8) {
      case 0:
        sequence += 0x7fffffff;
        times.clear();
        break;
      case 1:
        sequence -= 0x7ffffff0;
        times.clear();
        break;
      case 2:
        sequence += random() % 100000;
        break;
      default:
        sequence += random() % 64 - 31;
    }
    Add(sequence, static_cast<int>(random() % 50), (random() % 128) * wire::kHoldUnit,
        random() % 2 != 0);
    if (random() % 4 == 0) Pass(Duration(random() % 3'000'000));
    ASSERT_LE(orderer_.held(), Orderer::kMaxHeld);
    ASSERT_TRUE(orderer_.NextTimeout() == wire::kNever || orderer_.NextTimeout() <= now_ + 1s);
    for (const uint32_t one : Take()) ASSERT_LE(++times[one], 2);
  }
  Pass(1s);
  EXPECT_EQ(orderer_.held(), 0u);
  EXPECT_EQ(orderer_.held_bytes(), 0u);
}

// Two paths of which one is 40 ms slower, 2 % lost, and lost ones sent again 60 ms after they were: everything that
// comes at all is delivered once and in order, and the held ones wait for what is missing and no longer.
TEST_F(OrdererTest, TwoPathsWithSkewAndLoss) {
  for (const bool resend : {false, true}) {
    std::mt19937 random(7);
    std::multimap<Instant, std::pair<uint32_t, int>> flights;
    constexpr uint32_t kCount = 20000;
    std::vector<Instant> sent(kCount);
    const uint32_t life = resend ? 1 : 2;
    size_t arrive = 0;
    for (uint32_t i = 0; i < kCount; ++i) {
      sent[i] = now_ + i * 1ms;
      const int path = i % 3 == 0 ? 2 : 1;
      const Duration delay = path == 2 ? 50ms : 10ms;
      const bool lost = random() % 50 == 0;
      if (!lost) flights.emplace(sent[i] + delay, std::pair(i, path));
      if (lost && resend) flights.emplace(sent[i] + delay + 60ms, std::pair(i, 1));
      arrive += !lost || resend ? 1 : 0;
    }
    Duration longest{0};
    size_t count = 0;
    bool sorted = true;
    uint32_t last = 0;
    const auto look = [&] {
      for (const uint32_t one : Take()) {
        sorted &= count == 0 || one > last;
        last = one;
        ++count;
        if (one > 400) longest = std::max(longest, now_ - sent[one]);  // paths are known by then
      }
    };
    const auto counters = orderer_.counters();
    for (const auto& [when, what] : flights) {
      while (orderer_.NextTimeout() <= when) {
        now_ = orderer_.NextTimeout();
        orderer_.HandleTimeout(now_);
        look();
      }
      now_ = when;
      Add(what.first, what.second, 152ms, resend, life);
      look();
    }
    EXPECT_EQ(count, arrive) << resend;
    EXPECT_TRUE(sorted) << resend;
    EXPECT_EQ(orderer_.counters().late, counters.late) << resend;
    EXPECT_EQ(orderer_.counters().by_hold, counters.by_hold) << resend;
    EXPECT_EQ(orderer_.counters().by_proof > counters.by_proof, !resend);
    // Without resends proof comes with the next payload of the slow path; with them, the longest way is the resent one.
    EXPECT_LE(longest, resend ? 110ms : 55ms) << resend;
    now_ += 10s;
  }
}

// At a million payloads a second, one that was sent again after a second is a million behind.
TEST_F(OrdererTest, RemembersLongerWherePayloadsComeFaster) {
  Add(0, 1, 1ms, true);
  uint32_t next = 2;
  for (; next < 2'000'000; ++next) {
    Add(next, 1, 0ms, true);
    now_ += 1us;
  }
  Take();
  const uint32_t lost = next + 100;
  for (; next < 3'000'000; ++next) {
    if (next != lost) Add(next, 1, 0ms, true);
    now_ += 1us;
  }
  Take();
  EXPECT_EQ(Add(lost - 1, 2, 0ms, true), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(lost, 2, 0ms, true), Drop::kNone);
  EXPECT_EQ(Add(lost, 3, 0ms, true), Drop::kSequenceRepeated);
  EXPECT_EQ(Take(), Sequences{lost});
}

// However the memory grows, nothing is delivered twice, and nothing that is missing is refused within what it had.
TEST_F(OrdererTest, MemoryThatGrowsForgetsNothing) {
  std::mt19937 random(3);
  std::vector<uint32_t> missing;
  for (uint32_t i = 0; i < 300'000; ++i) {
    if (random() % 10 == 0) {
      missing.push_back(i);
    } else {
      Add(i, 1, 0ms, true);
    }
    now_ += 1us;
    if (missing.empty() || random() % 20 != 0) continue;
    const size_t one = random() % missing.size();
    const uint32_t back = i - missing[one];
    const Drop drop = Add(missing[one], 2, 0ms, true);
    if (back < Orderer::kRemembered / 4) {
      ASSERT_EQ(drop, Drop::kNone) << missing[one] << " " << i;
    }
    missing.erase(missing.begin() + static_cast<ptrdiff_t>(one));
    const uint32_t had = i - 1 - random() % std::min<uint32_t>(i, 200'000);
    if (std::find(missing.begin(), missing.end(), had) == missing.end()) {
      ASSERT_NE(Add(had, 2, 0ms, true), Drop::kNone) << had << " " << i;
    }
  }
}

// A payload that was sent again and delivered just before its sender was started anew: its first copy comes late.
TEST_F(OrdererTest, NothingOfTheLifeBeforeComesTwice) {
  for (uint32_t i = 0; i < 10; ++i) {
    if (i != 5) Add(i, 1, 0ms, true);
  }
  Add(0, 1, 104ms, true, kLife + 1);
  Take();
  EXPECT_EQ(Add(7, 2), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(5, 2), Drop::kNone);
  EXPECT_EQ(Add(5, 1), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(12, 2), Drop::kNone);
  EXPECT_EQ(Add(12, 1), Drop::kSequenceRepeated);
  EXPECT_EQ(Add(11, 2), Drop::kNone);
  EXPECT_EQ(Take(), (Sequences{5, 12, 11}));
  // Its last session is over, and with it the memory.
  now_ += 200s;
  EXPECT_EQ(Add(7, 2), Drop::kNone);
}

// Gaps in each of many tunnels: together they hold no more than twice the room, and deliver what they give up.
TEST(OrdererRoom, AllTunnelsTogetherHoldNoMoreThanTwiceTheRoom) {
  constexpr size_t kRoom = 200'000;
  SharedRoom room(kRoom);
  size_t delivered = 0;
  const std::vector<uint8_t> bytes(1000);
  const auto add = [&](Orderer& orderer, uint32_t sequence) {
    orderer.Add(Instant(1000s), {.number = 1, .expires = Instant(2000s)}, wire::Route(),
                {.hold = 1s, .resend = true, .sequence = sequence},
                Delivery(bytes, std::vector<uint8_t>()));
  };
  std::deque<Orderer> tunnels;
  for (int i = 0; i < 20; ++i) {
    Orderer& tunnel = tunnels.emplace_back([&](Delivery&&) { ++delivered; }, &room);
    add(tunnel, 0);
  }
  add(tunnels[0], 2);
  for (uint32_t i = 0; i < 100; ++i) {
    for (size_t tunnel = 1; tunnel < tunnels.size(); ++tunnel) add(tunnels[tunnel], 2 + 2 * i);
    ASSERT_LE(room.used(), 2 * kRoom);
  }
  EXPECT_EQ(tunnels[0].held(), 1u);  // its share is not taken
  EXPECT_GT(tunnels[1].counters().by_room, 80u);
  size_t held = 0;
  for (const Orderer& tunnel : tunnels) held += tunnel.held();
  EXPECT_EQ(delivered + held, 20 + 1 + 19 * 100u);
}

}  // namespace
}  // namespace warp::control
