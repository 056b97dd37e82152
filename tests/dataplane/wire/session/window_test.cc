#include "dataplane/wire/session/window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "dataplane/wire/constants.h"

namespace warp::wire {
namespace {

using Verdict = ReplayWindow::Verdict;

std::vector<Verdict> ClaimAll(ReplayWindow& window, const std::vector<uint64_t>& counters) {
  std::vector<Verdict> verdicts(counters.size(), Verdict::kRefused);
  window.ClaimBurst(counters, verdicts);
  return verdicts;
}

TEST(ReplayWindow, TakesEachCounterOnce) {
  ReplayWindow window(64);
  for (const uint64_t counter : {0, 5, 3, 31, 32, 63, 1}) {
    EXPECT_EQ(window.Look(counter), Verdict::kNew) << counter;
    EXPECT_EQ(window.Claim(counter), Verdict::kNew) << counter;
    EXPECT_EQ(window.Look(counter), Verdict::kSeen) << counter;
    EXPECT_EQ(window.Claim(counter), Verdict::kSeen) << counter;
  }
  EXPECT_EQ(window.Look(2), Verdict::kNew);
}

TEST(ReplayWindow, LookChangesNothing) {
  ReplayWindow window(64);
  EXPECT_EQ(window.Look(1000), Verdict::kNew);
  EXPECT_EQ(window.Look(1000), Verdict::kNew);
  EXPECT_EQ(window.Claim(0), Verdict::kNew);
}

TEST(ReplayWindow, ForgetsABlockWhenANewerOneTakesItsWord) {
  ReplayWindow window(64);  // the window has two words, and blocks 0, 2, 4 ... share one
  EXPECT_EQ(window.Claim(0), Verdict::kNew);
  EXPECT_EQ(window.Claim(64), Verdict::kNew);
  EXPECT_EQ(window.Look(0), Verdict::kTooOld);
  EXPECT_EQ(window.Claim(1), Verdict::kTooOld);
  EXPECT_EQ(window.Claim(32), Verdict::kNew);  // the other word is untouched
  EXPECT_EQ(window.Claim(65), Verdict::kNew);
}

TEST(ReplayWindow, TellsWhatWasDelivered) {
  ReplayWindow window(64);
  EXPECT_EQ(window.Delivered(0), 0u);
  ClaimAll(window, {0, 5, 31, 32});
  EXPECT_EQ(window.Delivered(0), 0x80000021u);
  EXPECT_EQ(window.Delivered(1), 1u);
  EXPECT_EQ(window.Delivered(2), 0u);  // not reached
  window.Claim(4 * 32 + 3);
  EXPECT_EQ(window.Delivered(4), 8u);
  EXPECT_EQ(window.Delivered(0), UINT32_MAX);  // overwritten
  EXPECT_EQ(window.Delivered(2), UINT32_MAX);
  EXPECT_EQ(window.Delivered(1), 1u);
  EXPECT_EQ(window.Delivered(kCounterLimit / 32), 0u);
  EXPECT_EQ(window.Delivered(UINT64_MAX), 0u);
}

TEST(ReplayWindow, RefusesTheLimitAndTakesTheLastBelow) {
  for (const size_t size : {size_t{64}, kMaxWindow}) {
    ReplayWindow window(size);
    EXPECT_EQ(window.Look(kCounterLimit), Verdict::kRefused);
    EXPECT_EQ(window.Claim(kCounterLimit), Verdict::kRefused);
    EXPECT_EQ(window.Claim(UINT64_MAX), Verdict::kRefused);
    EXPECT_EQ(window.Claim(kCounterLimit - 1), Verdict::kNew);
    EXPECT_EQ(window.Claim(kCounterLimit - 1), Verdict::kSeen);
    // In its word, the window keeps only the newest block, so every older block is too old.
    EXPECT_EQ(window.Claim(kCounterLimit - 1 - size), Verdict::kTooOld);
  }
}

TEST(ReplayWindow, RemembersAllButOneBlockOfItsSize) {
  for (const size_t size : {size_t{64}, size_t{1024}, kDefaultWindow}) {
    ReplayWindow window(size);
    EXPECT_EQ(window.size(), size);
    const uint64_t newest = 10 * size + 17;
    EXPECT_EQ(window.Claim(newest), Verdict::kNew);
    for (const uint64_t back :
         {uint64_t{1}, uint64_t{size / 4}, uint64_t{size - 33}, uint64_t{size - 32}}) {
      EXPECT_EQ(window.Claim(newest - back), Verdict::kNew) << back;
    }
  }
}

TEST(ReplayWindow, SizesThatAreNoneAreRoundedIntoRange) {
  EXPECT_EQ(ReplayWindow(1).size(), 64u);
  EXPECT_EQ(ReplayWindow(65).size(), 128u);
  EXPECT_EQ(ReplayWindow(size_t{1} << 30).size(), kMaxWindow);
}

TEST(ReplayWindow, ABurstIsThatManyClaims) {
  ReplayWindow window(64);
  window.Claim(3);
  EXPECT_EQ(ClaimAll(window, {1, 2, 3, 2, kCounterLimit, 40, 41, 1, 64, 0, 40}),
            (std::vector<Verdict>{Verdict::kNew, Verdict::kNew, Verdict::kSeen, Verdict::kSeen,
                                  Verdict::kRefused, Verdict::kNew, Verdict::kNew, Verdict::kSeen,
                                  Verdict::kNew, Verdict::kTooOld, Verdict::kSeen}));
  EXPECT_TRUE(ClaimAll(window, {}).empty());
}

// A simple model of the window. It has the set of claimed counters, and the newest claimed block of each word.
class Model {
 public:
  explicit Model(size_t counters) : words_(counters / 32) {}

  Verdict Look(uint64_t counter) const {
    if (counter >= kCounterLimit) return Verdict::kRefused;
    const uint64_t block = counter / 32;
    const auto newest = newest_.find(block % words_);
    if (newest != newest_.end() && block < newest->second) return Verdict::kTooOld;
    return claimed_.contains(counter) ? Verdict::kSeen : Verdict::kNew;
  }
  Verdict Claim(uint64_t counter) {
    const Verdict verdict = Look(counter);
    if (verdict == Verdict::kNew) {
      claimed_.insert(counter);
      newest_[counter / 32 % words_] = counter / 32;
    }
    return verdict;
  }

 private:
  const uint64_t words_;
  std::set<uint64_t> claimed_;
  std::map<uint64_t, uint64_t> newest_;
};

TEST(ReplayWindow, EqualsItsModelOnRandomTraffic) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const size_t size = size_t{64} << (seed % 5);
    ReplayWindow window(size);
    Model model(size);
    uint64_t edge = seed % 4 == 0 ? kCounterLimit - 3000 : 0;
    for (int step = 0; step < 300; ++step) {
      std::vector<uint64_t> burst(random() % 33);
      for (uint64_t& counter : burst) {
        switch (random() % 8) {
          case 0:  // the edge leaps ahead
            edge += random() % (2 * size);
            counter = edge;
            break;
          case 1:  // far behind the edge
            counter = edge - std::min(edge, random() % (3 * size));
            break;
          case 2:
          case 3:  // a copy, or a packet that is late
            counter = edge - std::min(edge, random() % 64);
            break;
          default:
            counter = edge++;
        }
      }
      for (const uint64_t counter : burst) ASSERT_EQ(window.Look(counter), model.Look(counter));
      std::vector<Verdict> expected;
      for (const uint64_t counter : burst) expected.push_back(model.Claim(counter));
      ASSERT_EQ(ClaimAll(window, burst), expected) << "step " << step;
    }
  }
}

// Every thread claims every counter, in its own order, which differs by less than the window spans. Each counter must
// have exactly one winner, while the words wrap many times.
void EachCounterHasOneWinner(size_t threads, size_t size, uint64_t start, bool bursts) {
  constexpr uint64_t kCounters = 40'000;
  // The threads meet after each stretch, so none falls behind the window.
  const uint64_t stretch = size / 2;
  ReplayWindow window(size);
  std::vector<std::vector<uint64_t>> won(threads);
  std::barrier meet(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::thread> running;
  for (size_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      std::mt19937_64 random(t + 1);
      for (uint64_t base = 0; base < kCounters; base += stretch) {
        std::vector<uint64_t> mine(std::min(stretch, kCounters - base));
        std::iota(mine.begin(), mine.end(), start + base);
        // Paths deliver slightly out of order, so the counters are shuffled in groups of 8.
        for (size_t i = 0; i < mine.size(); i += 8) {
          std::shuffle(mine.begin() + static_cast<ptrdiff_t>(i),
                       mine.begin() + static_cast<ptrdiff_t>(std::min(i + 8, mine.size())), random);
        }
        if (bursts) {
          for (size_t i = 0; i < mine.size(); i += 20) {
            const std::span<const uint64_t> burst =
                std::span(mine).subspan(i, std::min<size_t>(20, mine.size() - i));
            Verdict verdicts[20];
            window.ClaimBurst(burst, std::span(verdicts).first(burst.size()));
            for (size_t k = 0; k < burst.size(); ++k) {
              if (verdicts[k] == Verdict::kNew) won[t].push_back(burst[k]);
            }
          }
        } else {
          for (const uint64_t counter : mine) {
            if (window.Look(counter) == Verdict::kNew && window.Claim(counter) == Verdict::kNew) {
              won[t].push_back(counter);
            }
          }
        }
        meet.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : running) thread.join();

  std::vector<uint64_t> all;
  for (const auto& mine : won) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  std::vector<uint64_t> expected(kCounters);
  std::iota(expected.begin(), expected.end(), start);
  EXPECT_EQ(all, expected);
}

TEST(ReplayWindowStress, OneWinnerEach) {
  for (const size_t threads : {2, 4, 8}) {
    for (const size_t size : {256, 4096}) {
      for (const bool bursts : {false, true}) {
        SCOPED_TRACE(testing::Message() << threads << " threads, window " << size);
        EachCounterHasOneWinner(threads, size, 0, bursts);
        EachCounterHasOneWinner(threads, size, kCounterLimit - 40'000, bursts);
      }
    }
  }
}

// The threads do not wait for each other, so they may fall behind the window and lose counters. But no counter may be
// won twice.
TEST(ReplayWindowStress, NeverTwoWinnersHoweverFarApart) {
  ReplayWindow window(64);
  constexpr size_t kThreads = 4;
  std::vector<std::vector<uint64_t>> won(kThreads);
  std::vector<std::thread> running;
  for (size_t t = 0; t < kThreads; ++t) {
    running.emplace_back([&, t] {
      for (uint64_t counter = 0; counter < 50'000; ++counter) {
        if (window.Claim(counter) == Verdict::kNew) won[t].push_back(counter);
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  std::vector<uint64_t> all;
  for (const auto& mine : won) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  EXPECT_EQ(all.size(), 50'000u);  // the first thread to reach a counter always wins it
}

}  // namespace
}  // namespace warp::wire
