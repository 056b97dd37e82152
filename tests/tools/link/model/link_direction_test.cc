#include "tools/link/model/link_direction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <set>

#include "tests/tools/link/model/link_lab.h"

namespace warp::tools {
namespace {

constexpr double kMbit = 1e6;

LinkOptions Rate(double bits_per_second) {
  LinkOptions options;
  options.rate = {{0, bits_per_second}};
  return options;
}

uint64_t Drops(const LinkCounts& counts) {
  return std::accumulate(counts.drops.begin(), counts.drops.end(), uint64_t{0});
}

// Whether what came in is what arrived, was dropped, or is under way.
bool Balances(LinkDirection& link) {
  const LinkCounts& counts = link.counts();
  return counts.frames == counts.delivered + Drops(counts) + link.under_way();
}

// --- The transmitter. ---------------------------------------------------------------------------

TEST(LinkDirectionTest, KeepsItsRateToAThousandth) {
  for (const double rate : {0.3 * kMbit, 5 * kMbit, 20 * kMbit, 1000 * kMbit}) {
    for (const size_t size : {60u, 577u, 1442u}) {
      LinkLab lab(Rate(rate));
      // As long as 20,000 of the frames take.
      const auto end = static_cast<Nanos>(20'000 * 8e9 * static_cast<double>(size) / rate);
      lab.Load(0, end, rate * 1.5, size);
      EXPECT_NEAR(lab.Rate(end / 2, end), rate, rate / 1000) << rate << " " << size;
      EXPECT_TRUE(Balances(lab.link()));
    }
  }
}

TEST(LinkDirectionTest, AFrameTakesItsTimeAtTheRateAndThenTheDelay) {
  LinkOptions options = Rate(8 * kMbit);  // a byte takes a microsecond
  options.delay = 30 * kMillisecond;
  LinkLab lab(options);
  lab.Send(1000, 1000);
  lab.Send(1000, 500);
  lab.RunOut();
  EXPECT_EQ(lab.arrived()[0].at, 1000 + 1'000'000 + 30 * kMillisecond);
  EXPECT_EQ(lab.arrived()[1].at, 1000 + 1'500'000 + 30 * kMillisecond);
}

TEST(LinkDirectionTest, WithoutARateAFrameTakesTheDelayAlone) {
  LinkOptions options;
  options.delay = 7 * kMillisecond;
  options.buffer = 0;
  LinkLab lab(options);
  for (int i = 0; i < 100; ++i) lab.Send(5);
  lab.RunOut();
  ASSERT_EQ(lab.arrived().size(), 100u);
  EXPECT_EQ(lab.arrived().back().at, 5 + 7 * kMillisecond);
}

TEST(LinkDirectionTest, DropsWhatWouldWaitLongerThanTheBuffer) {
  LinkOptions options = Rate(20 * kMbit);
  options.buffer = 400 * kMillisecond;
  LinkLab lab(options);
  constexpr Nanos kFrame = 1442 * 8 * 50;  // at 20 Mbit/s a bit takes 50 ns
  const auto fits = static_cast<uint64_t>(options.buffer / kFrame) + 1;
  uint64_t taken = 0;
  while (lab.Send(0) == LinkDrop::kNone) ++taken;
  EXPECT_EQ(taken, fits);
  EXPECT_GT(lab.link().Queue(0), 400 * kMillisecond);
  EXPECT_LE(lab.link().Queue(0), 400 * kMillisecond + kFrame);
  // One takes the place of one that left.
  EXPECT_EQ(lab.Send(kFrame), LinkDrop::kNone);
  EXPECT_EQ(lab.Send(kFrame), LinkDrop::kQueue);
  EXPECT_EQ(lab.drops(LinkDrop::kQueue), 2u);
}

TEST(LinkDirectionTest, WithoutABufferNothingWaits) {
  LinkOptions options = Rate(8 * kMbit);
  options.buffer = 0;
  LinkLab lab(options);
  EXPECT_EQ(lab.Send(0, 1000), LinkDrop::kNone);
  EXPECT_EQ(lab.Send(999'000, 1000), LinkDrop::kQueue);
  EXPECT_EQ(lab.Send(1'000'000, 1000), LinkDrop::kNone);
}

TEST(LinkDirectionTest, AnUnlimitedBufferIsLimitedByMemoryOnly) {
  LinkOptions options = Rate(1 * kMbit);
  options.limited_buffer = false;
  options.memory = 1 << 20;
  LinkLab lab(options);
  lab.Load(0, kSecond, 100 * kMbit);
  EXPECT_EQ(lab.drops(LinkDrop::kQueue), 0u);
  EXPECT_GT(lab.drops(LinkDrop::kArena), 0u);
  EXPECT_GT(lab.link().under_way(), 700u);
  EXPECT_TRUE(Balances(lab.link()));
}

TEST(LinkDirectionTest, StepsOfTheRateHoldInTheMiddleOfAFrame) {
  LinkOptions options;
  options.rate = {{0, 8 * kMbit}, {10 * kMillisecond, 4 * kMbit}};
  LinkLab lab(options);
  lab.Send(9'500'000, 1000);  // 500 bytes at 1 us, and 500 bytes at 2 us
  lab.RunOut();
  EXPECT_EQ(lab.arrived()[0].at, 11 * kMillisecond);
}

TEST(LinkDirectionTest, StepsRepeatAndMayStandStill) {
  LinkOptions options;
  options.rate = {{0, 20 * kMbit}, {kSecond, 0}, {2 * kSecond, 10 * kMbit}};
  options.repeat = 3 * kSecond;
  options.buffer = 100 * kMillisecond;
  LinkLab lab(options);
  lab.Load(0, 9 * kSecond, 40 * kMbit);
  for (const Nanos round : {Nanos{0}, 3 * kSecond, 6 * kSecond}) {
    EXPECT_NEAR(lab.Rate(round, round + kSecond), 20 * kMbit, 20 * kMbit / 500);
    EXPECT_EQ(lab.Rate(round + kSecond + kMillisecond, round + 2 * kSecond), 0);
    EXPECT_NEAR(lab.Rate(round + 2 * kSecond, round + 3 * kSecond), 10 * kMbit, 10 * kMbit / 500);
  }
}

TEST(LinkDirectionTest, StepsThatRepeatAreKeptOverManyRounds) {
  LinkOptions options;
  options.rate = {{0, 8 * kMbit}, {kMillisecond, 0}};
  options.repeat = 4 * kMillisecond;
  options.limited_buffer = false;
  LinkLab lab(options);
  constexpr Nanos kLater = 4'000 * kSecond;
  for (int i = 0; i < 5000; ++i) lab.Send(kLater, 1000);  // a round carries one
  lab.RunOut();
  EXPECT_EQ(lab.arrived()[0].at, kLater + kMillisecond);
  EXPECT_EQ(lab.arrived()[4999].at, kLater + 4999 * options.repeat + kMillisecond);
}

TEST(LinkDirectionTest, MomentsBeyondTheClockAreMerelyLate) {
  LinkOptions trace;
  trace.trace = {4'000'000'000};
  LinkOptions steps;
  steps.rate = {{0, 1}, {1000, 0}};
  steps.repeat = 100 * kSecond;
  for (LinkOptions* options : {&trace, &steps}) {
    options->limited_buffer = false;
    options->delay = 365 * 86400 * kSecond;
    options->jitter = options->delay;
    LinkLab lab(*options);
    for (int i = 0; i < 10'000; ++i) ASSERT_EQ(lab.Send(i), LinkDrop::kNone);
    lab.RunOut();
    ASSERT_EQ(lab.arrived().size(), 10'000u);
    for (const auto& arrival : lab.arrived()) ASSERT_GT(arrival.at, options->delay);
  }
}

// --- Traces. ------------------------------------------------------------------------------------

TEST(LinkDirectionTest, ATraceLetsAFullFrameGoAtEachOpportunity) {
  LinkOptions options;
  options.trace = {2, 2, 5, 10};
  options.limited_buffer = false;
  LinkLab lab(options);
  for (int i = 0; i < 9; ++i) lab.Send(0, 1514);
  lab.RunOut();
  std::vector<Nanos> milliseconds;
  for (const auto& arrival : lab.arrived()) milliseconds.push_back(arrival.at / kMillisecond);
  EXPECT_EQ(milliseconds, (std::vector<Nanos>{2, 2, 5, 10, 12, 12, 15, 20, 22}));
}

TEST(LinkDirectionTest, SmallFramesShareAnOpportunityAndALargeOneTakesTwo) {
  LinkOptions options;
  options.trace = {1, 2, 3, 4};
  options.limited_buffer = false;
  LinkLab lab(options);
  for (const size_t size : {714u, 714u, 214u, 1514u, 1514u}) lab.Send(0, size);
  lab.RunOut();
  std::vector<Nanos> milliseconds;
  for (const auto& arrival : lab.arrived()) milliseconds.push_back(arrival.at / kMillisecond);
  EXPECT_EQ(milliseconds, (std::vector<Nanos>{1, 1, 2, 3, 4}));
}

TEST(LinkDirectionTest, AnOpportunityThatNobodyTakesIsGone) {
  LinkOptions options;
  options.trace = {1, 2, 3, 50};
  LinkLab lab(options);
  lab.Send(10 * kMillisecond, 1514);
  lab.RunOut();
  EXPECT_EQ(lab.arrived()[0].at, 50 * kMillisecond);
}

TEST(LinkDirectionTest, ATraceHasItsMeanRateAndABufferOfThatRate) {
  LinkOptions options;
  for (uint32_t i = 1; i <= 1000; ++i) {
    if (i < 500 || i == 1000)
      options.trace.push_back(i);  // 12 Mbit/s, and then half a second of nothing
  }
  options.buffer = 100 * kMillisecond;
  LinkLab lab(options);
  lab.Load(0, 10 * kSecond, 30 * kMbit, 1514);
  EXPECT_NEAR(lab.Rate(0, 10 * kSecond), 6.056 * kMbit, 0.0065 * kMbit);
  // 100 ms at 6 Mbit/s are 50 frames, which wait through the half second.
  EXPECT_NEAR(static_cast<double>(lab.link().queue_samples().max()), 545e6, 15e6);
}

// --- The way. -----------------------------------------------------------------------------------

TEST(LinkDirectionTest, JitterAddsItsMeanAndKeepsTheOrder) {
  LinkOptions options;
  options.delay = 20 * kMillisecond;
  options.jitter = 8 * kMillisecond;
  LinkLab lab(options);
  // Far apart, so that nobody waits for the one before.
  for (Nanos i = 0; i < 20'000; ++i) lab.Send(i * kSecond);
  lab.RunOut();
  double sum = 0;
  for (uint32_t i = 0; i < lab.arrived().size(); ++i) {
    const auto& arrival = lab.arrived()[i];
    ASSERT_EQ(arrival.number, i);
    const Nanos extra = arrival.at - i * kSecond - options.delay;
    ASSERT_GE(extra, 0);
    ASSERT_LE(extra, kLongestJitter * options.jitter);
    sum += static_cast<double>(extra);
  }
  EXPECT_NEAR(sum / 20'000, 8e6, 0.2e6);
}

TEST(LinkDirectionTest, JitterKeepsTheOrderOfFramesCloseToEachOther) {
  LinkOptions options;
  options.jitter = 8 * kMillisecond;
  LinkLab lab(options);
  for (Nanos i = 0; i < 10'000; ++i) lab.Send(i * kMillisecond);
  lab.RunOut();
  ASSERT_EQ(lab.arrived().size(), 10'000u);
  Nanos before = 0;
  for (uint32_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(lab.arrived()[i].number, i);
    ASSERT_GE(lab.arrived()[i].at, before);
    before = lab.arrived()[i].at;
  }
}

TEST(LinkDirectionTest, FramesArriveInSlots) {
  LinkOptions options = Rate(20 * kMbit);
  options.delay = 3 * kMillisecond;
  options.slots = 10 * kMillisecond;
  LinkLab lab(options);
  lab.Load(0, kSecond, 19 * kMbit);
  lab.RunOut();
  std::set<Nanos> moments;
  for (const auto& arrival : lab.arrived()) {
    ASSERT_EQ(arrival.at % options.slots, 0);
    moments.insert(arrival.at);
  }
  EXPECT_NEAR(static_cast<double>(moments.size()), 100, 1);
  EXPECT_EQ(lab.arrived()[0].at, 10 * kMillisecond);
}

// --- Faults. ------------------------------------------------------------------------------------

// The share of frames that are lost, and how many in a row. The tests allow four standard deviations of both.
struct LossStatistics {
  double share = 0;
  double mean_burst = 0;
};
LossStatistics LossesOf(const LinkOptions& options, int frames, uint64_t seed = 1) {
  LinkLab lab(options, seed);
  int lost = 0, bursts = 0;
  bool before = false;
  for (int i = 0; i < frames; ++i) {
    const bool now = lab.Send(i * kMillisecond, 60) == LinkDrop::kLoss;
    lost += now;
    bursts += now && !before;
    before = now;
  }
  return {static_cast<double>(lost) / frames, bursts > 0 ? static_cast<double>(lost) / bursts : 0};
}

TEST(LinkDirectionTest, LosesByChance) {
  LinkOptions options;
  options.loss = 0.02;
  const LossStatistics losses = LossesOf(options, 200'000);
  EXPECT_NEAR(losses.share, 0.02, 0.00125);
  EXPECT_NEAR(losses.mean_burst, 1 / 0.98, 0.012);
}

TEST(LinkDirectionTest, LosesInBurstsAsGilbertAndElliottSay) {
  LinkOptions options;
  options.to_bad = 0.005;
  options.to_good = 0.2;
  const LossStatistics losses = LossesOf(options, 300'000);
  EXPECT_NEAR(losses.share, 0.005 / 0.205, 0.0025);
  EXPECT_NEAR(losses.mean_burst, 5, 0.5);
}

TEST(LinkDirectionTest, EachStateHasItsLoss) {
  LinkOptions options;
  options.to_bad = 0.01;
  options.to_good = 0.03;
  options.loss = 0.001;
  options.loss_bad = 0.4;
  EXPECT_NEAR(LossesOf(options, 300'000).share, 0.25 * 0.4 + 0.75 * 0.001, 0.008);
}

TEST(LinkDirectionTest, ALostFrameHasTakenItsTime) {
  LinkOptions options = Rate(8 * kMbit);
  options.loss = 1;
  LinkLab lab(options);
  lab.Send(0, 1000);
  EXPECT_EQ(lab.link().Queue(0), kMillisecond);
}

TEST(LinkDirectionTest, HoldsBackAShareOfTheFramesAndOthersOvertake) {
  LinkOptions options;
  options.delay = 10 * kMillisecond;
  options.reorder = 0.05;
  options.reorder_by = 5 * kMillisecond;
  LinkLab lab(options);
  for (Nanos i = 0; i < 20'000; ++i) lab.Send(i * kMillisecond);
  lab.RunOut();
  ASSERT_EQ(lab.arrived().size(), 20'000u);
  uint32_t highest = 0;
  uint64_t late = 0;
  for (const auto& arrival : lab.arrived()) {
    const Nanos took = arrival.at - arrival.number * kMillisecond;
    ASSERT_TRUE(took == 10 * kMillisecond || took == 15 * kMillisecond);
    highest = std::max(highest, arrival.number);
    late += took == 15 * kMillisecond && arrival.number < highest;
  }
  EXPECT_NEAR(static_cast<double>(late), 1000, 130);
  EXPECT_NEAR(static_cast<double>(lab.link().counts().reordered), 1000, 130);
}

TEST(LinkDirectionTest, Duplicates) {
  LinkOptions options;
  options.duplicate = 0.1;
  LinkLab lab(options);
  for (Nanos i = 0; i < 10'000; ++i) lab.Send(i);
  lab.RunOut();
  const auto twice = std::count_if(lab.arrived().begin(), lab.arrived().end(),
                                   [](const auto& arrival) { return arrival.copies == 2; });
  EXPECT_NEAR(static_cast<double>(twice), 1000, 120);
  EXPECT_EQ(lab.link().counts().duplicated, static_cast<uint64_t>(twice));
  EXPECT_EQ(lab.link().counts().delivered, 10'000u);
}

TEST(LinkDirectionTest, CorruptsOneBitBehindTheEthernetHeader) {
  LinkOptions options;
  options.corrupt = 1;
  LinkLab lab(options);
  std::set<size_t> places;
  for (int i = 0; i < 2000; ++i) lab.Send(0, 64);
  lab.RunOut();
  for (uint32_t i = 0; i < 2000; ++i) {
    std::vector<uint8_t> sent(64, 0x5A);
    std::memcpy(&sent[kEthernetHeader], &i, 4);
    int bits = 0;
    for (size_t at = 0; at < 64; ++at) {
      const uint8_t difference = sent[at] ^ lab.arrived()[i].bytes[at];
      bits += std::popcount(difference);
      if (difference != 0) places.insert(at);
    }
    ASSERT_EQ(bits, 1) << i;
  }
  EXPECT_EQ(*places.begin(), kEthernetHeader);
  EXPECT_EQ(places.size(), 64 - kEthernetHeader);
  EXPECT_EQ(lab.link().counts().corrupted, 2000u);
}

TEST(LinkDirectionTest, WithoutFaultsEveryByteArrivesAsItWas) {
  LinkLab lab(Rate(20 * kMbit));
  for (int i = 0; i < 10; ++i) lab.Send(0, 100);
  lab.RunOut();
  for (uint32_t i = 0; i < 10; ++i) {
    std::vector<uint8_t> sent(100, 0x5A);
    std::memcpy(&sent[kEthernetHeader], &i, 4);
    EXPECT_EQ(lab.arrived()[i].bytes, sent);
    EXPECT_EQ(lab.arrived()[i].copies, 1);
  }
}

// --- Death. -------------------------------------------------------------------------------------

TEST(LinkDirectionTest, DeathTakesWhatIsUnderWayAndWhatComes) {
  LinkOptions options;
  options.delay = 30 * kMillisecond;
  options.down = {{kSecond, 2 * kSecond}};
  LinkLab lab(options);
  EXPECT_EQ(lab.Send(kSecond - 31 * kMillisecond), LinkDrop::kNone);
  EXPECT_EQ(lab.Send(kSecond - 30 * kMillisecond),
            LinkDrop::kDown);  // still under way at its death
  EXPECT_EQ(lab.Send(kSecond), LinkDrop::kDown);
  EXPECT_EQ(lab.Send(2 * kSecond - 1), LinkDrop::kDown);
  EXPECT_EQ(lab.Send(2 * kSecond), LinkDrop::kNone);
  lab.RunOut();
  ASSERT_EQ(lab.arrived().size(), 2u);
  EXPECT_EQ(lab.arrived()[1].at, 2 * kSecond + options.delay);
}

TEST(LinkDirectionTest, AHeldBackFrameDiesWithTheLinkToo) {
  LinkOptions options;
  options.reorder = 1;
  options.reorder_by = 50 * kMillisecond;
  options.down = {{kSecond, 2 * kSecond}};
  LinkLab lab(options);
  EXPECT_EQ(lab.Send(kSecond - 20 * kMillisecond), LinkDrop::kDown);
}

TEST(LinkDirectionTest, ALinkReturnsWithAnEmptyQueue) {
  LinkOptions options = Rate(8 * kMbit);
  options.buffer = 10 * kSecond;
  options.down = {{kSecond, kSecond + 10 * kMillisecond}};
  LinkLab lab(options);
  for (int i = 0; i < 3000; ++i) lab.Send(kSecond - kMillisecond, 1000);  // three seconds' worth
  EXPECT_GT(lab.link().Queue(kSecond - 1), 2 * kSecond);
  EXPECT_EQ(lab.link().Queue(kSecond), 0);
  lab.Send(kSecond + 10 * kMillisecond, 1000);
  lab.RunOut();
  ASSERT_EQ(lab.arrived().size(), 1u);
  EXPECT_EQ(lab.arrived()[0].at, kSecond + 11 * kMillisecond);
  EXPECT_TRUE(Balances(lab.link()));
}

TEST(LinkDirectionTest, OutagesRepeat) {
  LinkOptions options;
  options.down = {{kSecond, 2 * kSecond}, {3 * kSecond, 3 * kSecond + kMillisecond}};
  options.repeat = 5 * kSecond;
  LinkLab lab(options);
  for (const Nanos round : {Nanos{0}, 5 * kSecond, 500 * kSecond}) {
    EXPECT_EQ(lab.Send(round), LinkDrop::kNone);
    EXPECT_EQ(lab.Send(round + kSecond), LinkDrop::kDown);
    EXPECT_EQ(lab.Send(round + 2 * kSecond), LinkDrop::kNone);
    EXPECT_EQ(lab.Send(round + 3 * kSecond), LinkDrop::kDown);
    EXPECT_EQ(lab.Send(round + 4 * kSecond), LinkDrop::kNone);
  }
}

// --- Size, seeds, counts. -----------------------------------------------------------------------

TEST(LinkDirectionTest, JoinedFramesAreOversizeUnlessTheyMayPass) {
  const Offload joined{.joining = 1};
  LinkOptions options;
  LinkLab strict(options);
  EXPECT_EQ(strict.Send(0, 30'000, joined), LinkDrop::kOversize);
  EXPECT_EQ(strict.link().counts().joined, 1u);
  options.joined = true;
  options.mtu = 1500;
  LinkLab whole(options);
  EXPECT_EQ(whole.Send(0, 30'000, joined), LinkDrop::kNone);
  whole.RunOut();
  EXPECT_EQ(whole.arrived()[0].offload.joining, 1);
}

TEST(LinkDirectionTest, TheMtuCountsThePacketAlone) {
  LinkOptions options;
  options.mtu = 1400;
  LinkLab lab(options);
  EXPECT_EQ(lab.Send(0, 1414), LinkDrop::kNone);
  EXPECT_EQ(lab.Send(0, 1415), LinkDrop::kOversize);
  EXPECT_EQ(lab.link().counts().joined, 0u);
}

LinkOptions Everything() {
  LinkOptions options = Rate(10 * kMbit);
  options.delay = 10 * kMillisecond;
  options.jitter = 2 * kMillisecond;
  options.loss = 0.05;
  options.to_bad = 0.01;
  options.to_good = 0.1;
  options.reorder = 0.05;
  options.reorder_by = 7 * kMillisecond;
  options.duplicate = 0.05;
  options.corrupt = 0.05;
  options.down = {{300 * kMillisecond, 400 * kMillisecond}};
  options.repeat = kSecond;
  return options;
}

TEST(LinkDirectionTest, TheSeedDecidesEverything) {
  LinkLab one(Everything(), 7), same(Everything(), 7), other(Everything(), 8);
  for (LinkLab* lab : {&one, &same, &other}) {
    lab->Load(0, 5 * kSecond, 12 * kMbit);
    EXPECT_TRUE(Balances(lab->link()));
    lab->RunOut();
    EXPECT_TRUE(Balances(lab->link()));
  }
  ASSERT_EQ(one.arrived().size(), same.arrived().size());
  for (size_t i = 0; i < one.arrived().size(); ++i) {
    ASSERT_EQ(one.arrived()[i].at, same.arrived()[i].at);
    ASSERT_EQ(one.arrived()[i].bytes, same.arrived()[i].bytes);
    ASSERT_EQ(one.arrived()[i].copies, same.arrived()[i].copies);
  }
  EXPECT_NE(one.link().counts().drop(LinkDrop::kLoss), other.link().counts().drop(LinkDrop::kLoss));
}

TEST(LinkDirectionTest, OtherFaultsDoNotMoveTheLosses) {
  LinkOptions plain;
  plain.loss = 0.1;
  LinkOptions more = plain;
  more.corrupt = 0.5;
  more.duplicate = 0.5;
  more.jitter = kMillisecond;
  LinkLab one(plain), other(more);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(one.Send(i), other.Send(i)) << i;
  EXPECT_GT(one.drops(LinkDrop::kLoss), 0u);
}

TEST(LinkDirectionTest, SamplesTheQueueAtEachMillisecondEvenThoseItSleptThrough) {
  LinkOptions options = Rate(8 * kMbit);
  LinkLab lab(options);
  for (int i = 0; i < 10; ++i)
    lab.Send(500'000, 1000);  // the queue is 10 ms, and falls by one each
  lab.link().SampleTo(100 * kMillisecond - 1);
  const LatencyHistogram& samples = lab.link().queue_samples();
  EXPECT_EQ(samples.count(), 100u);
  EXPECT_EQ(samples.max(), 9'500'000u);  // at 1 ms
  EXPECT_EQ(samples.Percentile(90), 0u);
  EXPECT_GT(samples.Percentile(91), 0u);
  EXPECT_EQ(lab.link().TakePeak(), 9'500'000);
  EXPECT_EQ(lab.link().TakePeak(), 0);
}

TEST(LinkDirectionTest, ARefusedFrameIsNotDelivered) {
  LinkDirection link(LinkOptions{}, 1, 0);
  const std::vector<uint8_t> bytes(100);
  link.Take(0, bytes);
  link.Release(link.Due(0), LinkDrop::kRefused);
  EXPECT_EQ(link.counts().delivered, 0u);
  EXPECT_EQ(link.counts().drop(LinkDrop::kRefused), 1u);
  EXPECT_EQ(link.under_way(), 0u);
  EXPECT_TRUE(Balances(link));
}

}  // namespace
}  // namespace warp::tools
