#include "control/link/transmitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/link/next_hop_table.h"
#include "dataplane/wire/frame/frame.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Drop;
using wire::Instant;

class TransmitterTest : public testing::Test {
 protected:
  TransmitterTest() {
    transmitter_.SetPort(2,
                         {.outlet = {"eth0"}, .mac = {{2, 0, 0, 0, 0, 1}}, .listen_port = 13116});
  }
  // A sealed message as far as its type, and a byte that tells it from the others.
  void Send(const char* to, uint8_t byte, wire::PortId port = 2) {
    transmitter_.Send(
        now_, {.port = port, .to = *wire::Endpoint::Parse(to), .datagram = {1, 0, 0, 0, byte}});
  }
  void Answer(const wire::Arrival& arrival) {
    transmitter_.Send(now_, {.port = arrival.port,
                             .to = arrival.from,
                             .datagram = {4, 0, 0, 0, 0},
                             .source = arrival.to,
                             .answers = arrival});
  }
  uint64_t Drops(Drop drop) { return transmitter_.drops().Get(drop); }

  Instant now_{seconds(10)};
  lcore::FakeDataplane dataplane_;
  FakeNetlink netlink_;
  NextHopTable next_hops_{netlink_, [this](wire::PortId port, const Flow& flow) {
                            transmitter_.NextHopChanged(now_, port, flow);
                          }};
  Transmitter transmitter_{dataplane_, next_hops_};
};

TEST_F(TransmitterTest, WaitsForTheNeighbourAndThenSendsInOrder) {
  Send("10.9.0.2:4000", 1);
  Send("10.9.0.2:4000", 2);
  EXPECT_TRUE(dataplane_.transmitted.empty());
  netlink_.Answer("eth0 10.9.0.2", NextHop::State::kReachable);
  ASSERT_EQ(dataplane_.transmitted.size(), 2u);
  Send("10.9.0.2:4000", 3);
  ASSERT_EQ(dataplane_.transmitted.size(), 3u);

  wire::ParsedFrame parsed;
  const wire::Bytes frame = dataplane_.transmitted[1].second.bytes();
  ASSERT_EQ(wire::ParseFrame(frame, &parsed), wire::FrameKind::kUdp);
  EXPECT_EQ(parsed.from.ToString(), "10.0.0.1:13116");
  EXPECT_EQ(parsed.to.ToString(), "10.9.0.2:4000");
  EXPECT_EQ(parsed.to_mac.ToString(), "02:00:00:00:00:09");
  EXPECT_EQ(frame[parsed.datagram_offset + 4], 2);
  EXPECT_EQ(dataplane_.transmitted[1].first, 2);
}

// A network that has IPv6 alone, and translates: of the answer, too.
TEST_F(TransmitterTest, WritesToAnIpv4EndpointByThePrefixOfItsNetwork) {
  transmitter_.SetPort(2, {.outlet = {"eth0"},
                           .mac = {{2, 0, 0, 0, 0, 1}},
                           .listen_port = 13116,
                           .nat64 = wire::Nat64Prefix::WellKnown()});
  Send("192.0.2.1:4000", 1);
  netlink_.Answer("eth0 64:ff9b::c000:201",
                  NextHop{.state = NextHop::State::kReachable,
                          .source = *wire::IpAddress::Parse("2001:db8::7"),
                          .mac = {{2, 0, 0, 0, 0, 9}}});
  Answer({.port = 2,
          .from = *wire::Endpoint::Parse("192.0.2.1:4000"),
          .to = *wire::IpAddress::Parse("2001:db8::7"),
          .from_mac = {{2, 0, 0, 0, 0, 9}}});
  ASSERT_EQ(dataplane_.transmitted.size(), 2u);
  for (const auto& [port, frame] : dataplane_.transmitted) {
    wire::ParsedFrame parsed;
    ASSERT_EQ(wire::ParseFrame(frame.bytes(), &parsed), wire::FrameKind::kUdp);
    EXPECT_EQ(parsed.from.ToString(), "[2001:db8::7]:13116");
    EXPECT_EQ(parsed.to.ToString(), "[64:ff9b::c000:201]:4000");
  }
}

TEST_F(TransmitterTest, DropsByNameWhatCannotBeSent) {
  Send("10.9.0.2:4000", 1, /*port=*/5);
  EXPECT_EQ(Drops(Drop::kNoPath), 1u);
  Send("10.9.0.2:4000", 1);
  netlink_.Answer("eth0 10.9.0.2", NextHop::State::kUnreachable);
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 1u);
  Send("10.9.0.2:4000", 1);
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 2u);
  Send("[2001:db8::2]:4000", 1);
  // The route's source address is IPv4, so it cannot serve.
  netlink_.Answer("eth0 2001:db8::2", NextHop::State::kReachable);
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 3u);
  EXPECT_TRUE(dataplane_.transmitted.empty());
}

TEST_F(TransmitterTest, BoundsWhatWaitsAndKeepsTheNewest) {
  for (uint8_t i = 0; i < 20; ++i) Send("10.9.0.2:4000", i);
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 12u);
  netlink_.Answer("eth0 10.9.0.2", NextHop::State::kReachable);
  ASSERT_EQ(dataplane_.transmitted.size(), 8u);
  EXPECT_EQ(dataplane_.transmitted[7].second.bytes().back(), 19);
}

TEST_F(TransmitterTest, NeighboursThatNeverAnswerHoldNoPlaceForEver) {
  for (int i = 0; i < 300; ++i) {
    Send(("10.8." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + ":4000").c_str(),
         1);
    now_ += milliseconds(1);
  }
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 300u - 256);
  Send("10.9.0.2:4000", 7);
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 301u - 256);
  netlink_.Answer("eth0 10.9.0.2", NextHop::State::kReachable);
  ASSERT_EQ(dataplane_.transmitted.size(), 1u);
  EXPECT_EQ(dataplane_.transmitted[0].second.bytes().back(), 7);
}

TEST_F(TransmitterTest, DoesNotWaitForEver) {
  Send("10.9.0.2:4000", 1);
  now_ += milliseconds(1100);
  transmitter_.Expire(now_);
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 1u);
  netlink_.Answer("eth0 10.9.0.2", NextHop::State::kReachable);
  EXPECT_TRUE(dataplane_.transmitted.empty());
}

TEST_F(TransmitterTest, AnswersTheWayTheQuestionCameAndRemembersNothing) {
  for (uint32_t i = 0; i < 15000; ++i) {
    const wire::IpAddress source =
        wire::IpAddress::V4({203, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)});
    Answer({.port = 2,
            .from = {source, 4000},
            .to = *wire::IpAddress::Parse("10.0.0.77"),
            .from_mac = {{2, 0, 0, 0, 0, 8}}});
  }
  ASSERT_EQ(dataplane_.transmitted.size(), 15000u);
  EXPECT_EQ(next_hops_.size(), 0u);
  wire::ParsedFrame parsed;
  ASSERT_EQ(wire::ParseFrame(dataplane_.transmitted[1].second.bytes(), &parsed),
            wire::FrameKind::kUdp);
  EXPECT_EQ(parsed.from.ToString(), "10.0.0.77:13116");
  EXPECT_EQ(parsed.to.ToString(), "203.0.0.1:4000");
  EXPECT_EQ(parsed.to_mac.ToString(), "02:00:00:00:00:08");
  EXPECT_EQ(dataplane_.transmitted[1].first, 2);
}

TEST_F(TransmitterTest, AnswersNoGroupAndNobody) {
  for (const wire::MacAddress mac : {wire::MacAddress{}, wire::MacAddress{{1, 0, 0x5e, 0, 0, 1}},
                                     wire::MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}}) {
    Answer({.port = 2,
            .from = *wire::Endpoint::Parse("10.9.0.2:4000"),
            .to = *wire::IpAddress::Parse("10.0.0.1"),
            .from_mac = mac});
  }
  EXPECT_TRUE(dataplane_.transmitted.empty());
  EXPECT_EQ(Drops(Drop::kNoNeighbour), 3u);
  EXPECT_EQ(next_hops_.size(), 0u);
}

TEST_F(TransmitterTest, ASourceHasANextHopOfItsOwn) {
  transmitter_.Send(now_, {.port = 2,
                           .to = *wire::Endpoint::Parse("10.9.0.2:4000"),
                           .datagram = {1, 0, 0, 0, 1},
                           .source = *wire::IpAddress::Parse("10.0.0.3")});
  EXPECT_TRUE(netlink_.Watches("eth0 10.9.0.2 from 10.0.0.3"));
  EXPECT_FALSE(netlink_.Watches("eth0 10.9.0.2"));
  netlink_.Answer("eth0 10.9.0.2 from 10.0.0.3", NextHop::State::kReachable);
  ASSERT_EQ(dataplane_.transmitted.size(), 1u);
}

TEST_F(TransmitterTest, NextHopsThatNobodyWantsAreForgotten) {
  Send("10.9.0.2:4000", 1);
  EXPECT_TRUE(netlink_.Watches("eth0 10.9.0.2"));
  now_ += seconds(61);
  next_hops_.Expire(now_);
  EXPECT_FALSE(netlink_.Watches("eth0 10.9.0.2"));
}

// Thousands of them may be unwanted from the same moment on.
TEST_F(TransmitterTest, ManyNextHopsAreForgottenSomeACall) {
  constexpr size_t kMany = 600;
  for (size_t i = 0; i < kMany; ++i) {
    Send(absl::StrCat("10.", i / 200, ".1.", i % 200 + 1, ":4000").c_str(), 1);
  }
  ASSERT_EQ(next_hops_.size(), kMany);
  now_ += seconds(61);
  Send("10.1.1.1:4000", 1);
  for (int call = 0; call < 200; ++call) {
    const size_t before = next_hops_.size();
    next_hops_.Expire(now_);
    EXPECT_LE(before - next_hops_.size(), kMany / 30 + 1);
  }
  EXPECT_EQ(next_hops_.size(), 1u);
  EXPECT_TRUE(netlink_.Watches("eth0 10.1.1.1"));
  next_hops_.RemovePort(2);
  next_hops_.Expire(now_ + seconds(61));
  EXPECT_EQ(next_hops_.size(), 0u);
}

TEST_F(TransmitterTest, APortThatGoesTakesItsDatagramsAndNextHopsAlong) {
  Send("10.9.0.2:4000", 1);
  transmitter_.RemovePort(2);
  next_hops_.RemovePort(2);
  EXPECT_EQ(Drops(Drop::kNoPath), 1u);
  EXPECT_EQ(next_hops_.size(), 0u);
}

}  // namespace
}  // namespace warp::control
