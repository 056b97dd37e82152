// What the two ends say of how much may come in by their ports, without a network.
#include "control/protocol/path/limit_book.h"

#include <gtest/gtest.h>

#include <vector>

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kLife = 7;

class Heard {
 public:
  Heard() { book_.SetLife(kLife); }
  bool Hear(std::vector<Limit> limits, SealOrder order, uint32_t life = kLife) {
    return book_.Handle(now_, {std::move(limits)}, life, order);
  }
  LimitBook& book() { return book_; }
  void Pass(Duration time) { now_ += time; }

 private:
  Instant now_{1000s};
  LimitBook book_;
};

TEST(LimitBook, BelievesWhatThePeerSealedLast) {
  Heard heard;
  EXPECT_EQ(heard.book().RateOf(1), 0u);
  EXPECT_TRUE(heard.Hear({{1, 500}, {2, 600}}, {1, 10}));
  EXPECT_FALSE(heard.Hear({{1, 500}, {2, 600}}, {1, 11}));
  EXPECT_FALSE(heard.Hear({{1, 100}}, {1, 9}));
  EXPECT_EQ(heard.book().RateOf(1), 500u);
  EXPECT_TRUE(heard.Hear({{1, 100}}, {2, 0}));
  EXPECT_FALSE(heard.Hear({{1, 700}, {2, 600}}, {1, 50}));
  EXPECT_EQ(heard.book().RateOf(1), 100u);
  EXPECT_EQ(heard.book().RateOf(2), 600u);
  EXPECT_TRUE(heard.Hear({{1, 0}}, {2, 1}));
  EXPECT_EQ(heard.book().RateOf(1), 0u);
}

TEST(LimitBook, NothingIsSlowerThanItsFloor) {
  Heard heard;
  EXPECT_TRUE(heard.Hear({{1, 1}}, {1, 1}));
  EXPECT_EQ(heard.book().RateOf(1), kLeastLimit);
  EXPECT_FALSE(heard.Hear({{1, 2}}, {1, 2}));
}

TEST(LimitBook, WhatAnotherLifeToldIsForgotten) {
  Heard heard;
  EXPECT_TRUE(heard.Hear({{1, 500}}, {1, 1}));
  heard.book().SetLife(kLife);  // the next session of the same
  EXPECT_EQ(heard.book().RateOf(1), 500u);
  heard.book().SetLife(kLife + 1);
  EXPECT_EQ(heard.book().RateOf(1), 0u);
  EXPECT_FALSE(heard.Hear({{1, 500}}, {1, 2}));
  EXPECT_EQ(heard.book().RateOf(1), 0u);
  EXPECT_TRUE(heard.Hear({{1, 600}}, {2, 0}, kLife + 1));
}

TEST(LimitBook, SixtyFourPortsAreRememberedAndTheOneToldLongestAgoMakesRoom) {
  Heard heard;
  for (uint16_t port = 0; port < kMaxRemotePorts; ++port) {
    EXPECT_TRUE(heard.Hear({{port, 500}}, {1, port}));
    heard.Pass(1s);
  }
  EXPECT_TRUE(heard.Hear({{0, 500}, {1000, 500}}, {1, 100}));
  EXPECT_EQ(heard.book().RateOf(0), 500u);
  EXPECT_EQ(heard.book().RateOf(1), 0u);
  EXPECT_EQ(heard.book().RateOf(2), 500u);
  EXPECT_EQ(heard.book().RateOf(1000), 500u);
}

// Whoever tells another rate with each message would have the forwarding table built anew with each.
TEST(LimitBook, ChangesAreTakenTenTimesASecond) {
  Heard heard;
  int taken = 0;
  for (uint32_t i = 0; i < 10'000; ++i) {
    taken += heard.Hear({{static_cast<uint16_t>(i % 100), 100 + i}}, {1, i}) ? 1 : 0;
    heard.Pass(1ms);
  }
  EXPECT_GE(taken, 90);
  EXPECT_LE(taken, 120);
  // What says nothing new costs nothing.
  heard.Pass(10s);
  EXPECT_TRUE(heard.Hear({{1, 500}}, {2, 0}));
  for (uint32_t i = 1; i < 100; ++i) EXPECT_FALSE(heard.Hear({{1, 500}}, {2, i}));
  EXPECT_TRUE(heard.Hear({{1, 501}}, {2, 100}));
}

// --- What the peer is told. ---

Ports PortsOf(std::vector<uint64_t> rates) {
  Ports ports;
  for (size_t i = 0; i < rates.size(); ++i) ports[static_cast<PortId>(i)].down = rates[i];
  return ports;
}

TEST(LimitBook, TellsEachSessionAndThenOnceASecond) {
  LimitBook book;
  const Ports ports = PortsOf({0, 50'000'000});
  Instant now{1000s};
  const std::vector<Limits> expected = {{{{.port = 1, .rate = 50'000}}}};
  EXPECT_EQ(book.Take(now, 1, ports, 1), expected);
  EXPECT_TRUE(book.Take(now + 999ms, 1, ports, 1).empty());
  EXPECT_EQ(book.Take(now + 1s, 1, ports, 1), expected);
  EXPECT_TRUE(book.Take(now + 1s, 1, ports, 1).empty());
  EXPECT_EQ(book.Take(now + 1s, 2, ports, 1), expected);
  EXPECT_TRUE(LimitBook().Take(now, 1, PortsOf({0, 0}), 1).empty());
}

TEST(LimitBook, TellsSoonerWhatHasChanged) {
  LimitBook book;
  Instant now{1000s};
  book.Take(now, 1, PortsOf({9'000'000, 50'000'000}), 1);
  EXPECT_TRUE(book.Take(now + 99ms, 1, PortsOf({9'000'000, 50'000'000}), 2).empty());
  const std::vector<Limits> halves = {{{{.port = 0, .rate = 4'500}, {.port = 1, .rate = 25'000}}}};
  EXPECT_EQ(book.Take(now + 100ms, 1, PortsOf({9'000'000, 50'000'000}), 2), halves);
  // The number of a port that is gone may become another's.
  const std::vector<Limits> gone = {{{{.port = 0, .rate = 9'000}, {.port = 1, .rate = 0}}}};
  EXPECT_EQ(book.Take(now + 1s, 1, PortsOf({9'000'000}), 1), gone);
  EXPECT_EQ(book.Take(now + 2s, 1, PortsOf({9'000'000}), 1), gone);
}

TEST(LimitBook, NobodyIsToldNothingAndManyPortsTakeSeveralMessages) {
  LimitBook book;
  const std::vector<Limits> told =
      book.Take(Instant(1000s), 1, PortsOf(std::vector<uint64_t>(65, 10'000)), 1000);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].limits.size(), 64u);
  ASSERT_EQ(told[1].limits.size(), 1u);
  EXPECT_EQ(told[1].limits[0].rate, kLeastLimit);
}

TEST(LimitBook, SharersAreCountedWhileTheyLive) {
  Sharers sharers;
  Sharers::Share first(sharers);
  {
    Sharers::Share second(sharers);
    second.Set(true);
    second.Set(true);
    first.Set(true);
    EXPECT_EQ(sharers.count(), 2u);
  }
  EXPECT_EQ(sharers.count(), 1u);
  first.Set(false);
  EXPECT_EQ(sharers.count(), 0u);
}

}  // namespace
}  // namespace warp::protocol
