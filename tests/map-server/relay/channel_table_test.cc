// The channels of the relay, and what a pair of nodes may send.
#include "map-server/relay/channel_table.h"

#include <gtest/gtest.h>

#include <array>

#include "map-server/registry/challenge.h"

namespace warp::map {
namespace {

using namespace std::chrono_literals;  // NOLINT: for 1000s
using wire::Endpoint;

ChannelEnd End(uint32_t number) {
  std::array<uint8_t, 16> id{};
  for (size_t i = 0; i < 4; ++i) id[i] = static_cast<uint8_t>(number >> 8 * i);
  return ChannelEnd{.node = KeyId::FromBytes(id)};
}

// Throw-away keys of one network do not keep others out.
TEST(ChannelTable, TheNetworkThatHasMostLosesItsNewestPair) {
  ChannelTable table;
  table.SetPorts(20000, 8);
  const wire::Instant later{1000s};
  EXPECT_EQ(table.Victim(1), std::nullopt);
  for (uint32_t i = 0; i < 3; ++i) table.Make(End(10 + i), End(20 + i), 7, later);
  table.Make(End(1), End(2), 8, later);
  EXPECT_EQ(table.active_pairs(), 4u);
  EXPECT_EQ(table.Victim(7), std::nullopt) << "its own";
  EXPECT_EQ(table.Victim(8), ChannelTable::PairOf(End(12).node, End(22).node));
  EXPECT_EQ(table.Victim(9), ChannelTable::PairOf(End(12).node, End(22).node));
  table.EndOf(End(12).node);
  EXPECT_EQ(table.Victim(8), std::nullopt) << "it would have as many";
  EXPECT_EQ(table.Victim(9), ChannelTable::PairOf(End(11).node, End(21).node));
  table.EndOf(End(10).node);
  table.EndOf(End(11).node);
  EXPECT_EQ(table.Victim(9), std::nullopt);
  EXPECT_EQ(table.active_pairs(), 1u);
  table.Expire(later);
  EXPECT_EQ(table.active_pairs(), 0u);
  EXPECT_EQ(table.size(), 0u);
}

// Two nodes that the network sees at one address and port cannot be told apart: the one that bound last is there.
TEST(ChannelTable, AnAddressIsThatOfWhoBoundItLast) {
  ChannelTable table;
  table.SetPorts(20000, 1);
  const uint32_t one = table.Make(End(1), End(2), 7, wire::Instant{1000s})->id;
  const uint32_t two = table.Make(End(3), End(4), 7, wire::Instant{1000s})->id;
  const Endpoint at = *Endpoint::Parse("192.0.2.1:5000");
  table.Bind(*table.Find(one), 0, at, 0);
  table.Bind(*table.Find(two), 1, at, 0);
  EXPECT_FALSE(table.Find(one)->ends[0].bound());
  EXPECT_EQ(table.FindBound(20000, at, 0)->first->id, two);
  table.End(one);
  EXPECT_EQ(table.FindBound(20000, at, 0)->first->id, two);
  EXPECT_EQ(table.FindBound(20001, at, 0), std::nullopt);
  table.End(two);
  EXPECT_EQ(table.FindBound(20000, at, 0), std::nullopt);
}

// A NAT may give a TLS connection of one host the address and port that another one sends datagrams from.
TEST(ChannelTable, ATlsConnectionIsNotTheUdpPortOfItsNumber) {
  ChannelTable table;
  table.SetPorts(20000, 1);
  const uint32_t one = table.Make(End(1), End(2), 7, wire::Instant{1000s})->id;
  const uint32_t two = table.Make(End(3), End(4), 7, wire::Instant{1000s})->id;
  const Endpoint at = *Endpoint::Parse("192.0.2.1:5000");
  table.Bind(*table.Find(one), 0, at, 0);
  table.Bind(*table.Find(two), 0, at, kFirstStreamId);
  EXPECT_TRUE(table.Find(one)->ends[0].bound());
  EXPECT_EQ(table.FindBound(20000, at, 5)->first->id, one);
  EXPECT_EQ(table.FindBound(20000, at, kFirstStreamId + 5)->first->id, two);
  table.Bind(*table.Find(two), 0, at, 0);
  EXPECT_FALSE(table.Find(one)->ends[0].bound());
  EXPECT_EQ(table.FindBound(20000, at, kFirstStreamId), std::nullopt) << "it has moved";
}

TEST(Challenger, WhatATlsConnectionHasEchoedDoesNotOpenAUdpPort) {
  Challenger challenger(60s);
  Origin origin{.id = End(1).node, .from = *Endpoint::Parse("192.0.2.1:5000")};
  const wire::Instant now{1000s};
  const auto by_udp = challenger.Issue(now, origin, 3);
  EXPECT_TRUE(challenger.Verify(now, origin, 3, by_udp));
  EXPECT_FALSE(challenger.Verify(now, origin, 4, by_udp));
  origin.local_address = kFirstStreamId;
  EXPECT_FALSE(challenger.Verify(now, origin, 3, by_udp));
  EXPECT_TRUE(challenger.Verify(now, origin, 3, challenger.Issue(now, origin, 3)));
}

// Channels whose times are over one after the other are not each a look at all of them.
TEST(ChannelTable, LooksForWhatIsOverAFewTimesASecond) {
  ChannelTable table;
  table.SetPorts(20000, 8);
  const wire::Instant begin{1000s};
  for (uint32_t i = 0; i < 1000; ++i) table.Make(End(i), End(5000 + i), 7, begin + i * 1ms);
  int looks = 0;
  for (; table.size() > 0; ++looks) {
    ASSERT_LT(looks, 10);
    ASSERT_LT(table.NextExpiry(), begin + 2s);
    table.Expire(table.NextExpiry());
  }
  EXPECT_EQ(table.NextExpiry(), wire::kNever);
}

// A pair that asks again where as many are remembered as may be is one of these.
TEST(ChannelTable, AskingAgainForgetsNoPairsDay) {
  ChannelTable table;
  table.SetPorts(20000, 8);
  const wire::Instant now{1000s};
  const auto make = [&](uint32_t i) {
    const Channel* const channel = table.Make(End(i), End(1'000'000 + i), 7, now + 15s);
    return channel->id;
  };
  const auto find = [&](uint32_t i) {
    return table.FindPair(ChannelTable::PairOf(End(i).node, End(1'000'000 + i).node));
  };
  for (uint32_t i = 0; i < kRelayPairsRemembered; ++i) {
    const uint32_t id = make(i);
    ASSERT_EQ(find(i)->allowance.Take(now, {}, 1000), PairAllowance::Verdict::kTaken);
    table.End(id);
  }
  table.End(make(7));
  for (uint32_t i = 0; i < kRelayPairsRemembered; ++i) {
    ASSERT_NE(find(i), nullptr);
    ASSERT_EQ(find(i)->allowance.used(), 1000u);
  }
  table.End(make(kRelayPairsRemembered));
  EXPECT_EQ(find(kRelayPairsRemembered), nullptr) << "it has sent nothing";
}

TEST(ChannelTable, KnowsThePairsOfANode) {
  ChannelTable table;
  table.SetPorts(20000, 8);
  const wire::Instant later{1000s};
  table.Make(End(1), End(2), 7, later);
  table.Make(End(1), End(2), 7, later);
  table.Make(End(3), End(1), 8, later);
  EXPECT_EQ(table.PairsOf(End(1).node).size(), 2u);
  EXPECT_EQ(table.PairsOf(End(2).node).size(), 1u);
  table.EndOf(End(2).node);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_TRUE(table.PairsOf(End(2).node).empty());
  table.EndOf(End(1).node);
  EXPECT_TRUE(table.PairsOf(End(1).node).empty());
  EXPECT_TRUE(table.PairsOf(End(3).node).empty());
  EXPECT_EQ(table.active_pairs(), 0u);
}

// What a datagram costs the map is hardly less for a small one, so that a rate of bytes alone would let a pair have all
// of its time.
TEST(PairAllowance, SmallDatagramsCountAsMore) {
  PairAllowance allowance;
  const RelayTerms terms{.rate = 8'000'000};
  wire::Instant now{1000s};
  size_t taken = 0;
  for (int i = 0; i < 100'000; ++i, now += 10us)
    taken += allowance.Take(now, terms, 4) == PairAllowance::Verdict::kTaken ? 1 : 0;
  EXPECT_LE(taken, (1'000'000 + 131'072) / kRelayChargeAtLeast + 1);
  EXPECT_GT(taken, 1'000'000 / kRelayChargeAtLeast);
}

// The edge of a day, and times that jump: a machine that slept earns no more than a burst, and one whose clock stood
// still, or went back, earns nothing.
TEST(PairAllowance, TimesThatJump) {
  PairAllowance allowance;
  const RelayTerms terms{.rate = 8'000'000, .bytes = 400'000};
  wire::Instant now{1000s};
  const auto burst = [&] {
    size_t taken = 0;
    while (allowance.Take(now, terms, 1000) == PairAllowance::Verdict::kTaken) ++taken;
    return taken;
  };
  EXPECT_EQ(burst(), 131u);
  EXPECT_EQ(burst(), 0u);
  now -= 500s;
  EXPECT_EQ(burst(), 0u);
  now += 500s;
  EXPECT_EQ(burst(), 0u);
  now += 20h;
  EXPECT_EQ(burst(), 131u);
  now += 24h - 20h - 1ns;
  EXPECT_EQ(burst(), 131u);
  EXPECT_EQ(allowance.Take(now, terms, 1000), PairAllowance::Verdict::kTooFast);
  EXPECT_EQ(allowance.Take(now, terms, 7001), PairAllowance::Verdict::kUsedUp);
  now += 1ns;
  EXPECT_EQ(allowance.used(), 393'000u);
  EXPECT_FALSE(allowance.exhausted(now, terms)) << "another day, of which nothing is used";
  EXPECT_EQ(burst(), 0u) << "of the same burst";
}

}  // namespace
}  // namespace warp::map
